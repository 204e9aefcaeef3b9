import { describe, expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { containerConfigToWire } from "./container-config.ts";
import { parseContainerCreate } from "./container-create.ts";
import { parseExecConfig, parseExecStart } from "./exec-config.ts";
import {
  DOCKER_DEFAULTS,
  hostConfigToWire,
  isUserDefinedNetwork,
  joinedContainer,
} from "./host-config.ts";
import recorded from "./testdata/create-docker-28.json";
import { type ApiVersion, parseApiVersion } from "./version.ts";

const DEFAULTS = { ...DOCKER_DEFAULTS, cpuCount: 2, cgroupnsMode: "host" as const };
const request = (body: unknown, apiVersion?: ApiVersion) =>
  parseContainerCreate(body, { defaults: DEFAULTS, ...(apiVersion && { apiVersion }) });

function outcome(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

/** Docker takes this, and the daemon ends when the check is due. */
const DEADLY_CHECK = JSON.stringify({ Test: ["CMD"] });

// what docker 28.5 answered to `POST /v1.51/containers/create`; null is a container
test("parseContainerCreate() accepts and refuses what docker does, in its words", () => {
  for (const { body, message } of recorded) {
    if (JSON.stringify(body).includes(DEADLY_CHECK)) continue;
    expect([body, outcome(() => request(body))]).toEqual([body, message]);
  }
});

describe("parseContainerCreate()", () => {
  test("fills in the defaults that docker's inspect shows", () => {
    const { config, hostConfig, networkingConfig, warnings } = request({ Image: "q", Cmd: ["a"] });
    expect(containerConfigToWire(config)).toEqual({
      Hostname: "",
      Domainname: "",
      User: "",
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      Tty: false,
      OpenStdin: false,
      StdinOnce: false,
      Env: null,
      Cmd: ["a"],
      Image: "q",
      Volumes: null,
      WorkingDir: "",
      Entrypoint: null,
      OnBuild: null,
      Labels: {},
    });
    const wire = hostConfigToWire(hostConfig);
    expect(Object.keys(wire)).toEqual(
      (
        "Binds ContainerIDFile LogConfig NetworkMode PortBindings RestartPolicy AutoRemove VolumeDriver VolumesFrom " +
        "ConsoleSize CapAdd CapDrop CgroupnsMode Dns DnsOptions DnsSearch ExtraHosts GroupAdd IpcMode Cgroup Links " +
        "OomScoreAdj PidMode Privileged PublishAllPorts ReadonlyRootfs SecurityOpt UTSMode UsernsMode ShmSize Runtime " +
        "Isolation CpuShares Memory NanoCpus CgroupParent BlkioWeight BlkioWeightDevice BlkioDeviceReadBps " +
        "BlkioDeviceWriteBps BlkioDeviceReadIOps BlkioDeviceWriteIOps CpuPeriod CpuQuota CpuRealtimePeriod " +
        "CpuRealtimeRuntime CpusetCpus CpusetMems Devices DeviceCgroupRules DeviceRequests MemoryReservation MemorySwap " +
        "MemorySwappiness OomKillDisable PidsLimit Ulimits CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth " +
        "MaskedPaths ReadonlyPaths"
      ).split(" "),
    );
    expect(wire).toMatchObject({
      Binds: null,
      CapAdd: null,
      NetworkMode: "bridge",
      IpcMode: "private",
      ShmSize: 67_108_864,
      Runtime: "runc",
      LogConfig: { Type: "json-file", Config: {} },
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      MemorySwappiness: null,
      PidsLimit: null,
      ConsoleSize: [0, 0],
      Isolation: "",
    });
    expect(hostConfig.MaskedPaths).toHaveLength(12);
    expect(Object.keys(networkingConfig.EndpointsConfig)).toEqual(["bridge"]);
    expect(warnings).toEqual([]);
  });

  test("normalises ports, capabilities, memory, networks and PIDs", () => {
    const { config, hostConfig } = request({
      ExposedPorts: { "80": {}, "53/UDP": {} },
      HostConfig: {
        PortBindings: {
          "80": [{ HostPort: "8080" }],
          "80/tcp": [{ HostIp: "::1" }],
          "81/tcp": null,
        },
        CapAdd: ["net_admin", "CAP_CHOWN", "NET_ADMIN"],
        Memory: 67_108_864,
        PidsLimit: -1,
        NetworkMode: "default",
        MemorySwappiness: -1,
        Tmpfs: { "/run/": "size=1m" },
      },
    });
    expect(Object.keys(config.ExposedPorts)).toEqual(["80/tcp", "53/udp"]);
    expect(hostConfig.PortBindings).toEqual({
      "80/tcp": [
        { HostIp: "", HostPort: "8080" },
        { HostIp: "::1", HostPort: "" },
      ],
      "81/tcp": [],
    });
    expect(hostConfig.CapAdd).toEqual(["CAP_CHOWN", "CAP_NET_ADMIN"]);
    expect(hostConfig).toMatchObject({
      MemorySwap: 134_217_728,
      PidsLimit: null,
      NetworkMode: "bridge",
      MemorySwappiness: null,
    });
    expect(hostConfig.Tmpfs).toEqual({ "/run": "size=1m" });
  });

  test("shows no masked paths for privileged containers, and keeps an explicit empty list", () => {
    const wire = hostConfigToWire(request({ HostConfig: { Privileged: true } }).hostConfig);
    expect(wire["MaskedPaths"]).toBeNull();
    expect(
      hostConfigToWire(request({ HostConfig: { MaskedPaths: [] } }).hostConfig)["MaskedPaths"],
    ).toEqual([]);
  });

  test("puts the container-wide MAC address on the main network", () => {
    const mac = "02:42:ac:11:00:02";
    const { networkingConfig, warnings } = request({ MacAddress: mac });
    expect(networkingConfig.EndpointsConfig["bridge"]?.MacAddress).toBe(mac);
    expect(warnings[0]).toContain("MacAddress field is now deprecated");
    expect(request({ MacAddress: mac }, parseApiVersion("1.43")).warnings).toEqual([]);
    const other = { EndpointsConfig: { bridge: { MacAddress: "02:42:ac:11:00:03" } } };
    expect(() => request({ MacAddress: mac, NetworkingConfig: other })).toThrow(
      "must match the endpoint-specific",
    );
  });

  test("takes several networks from API 1.44 on", () => {
    const body = { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } };
    expect(Object.keys(request(body).networkingConfig.EndpointsConfig)).toEqual(["a", "b"]);
    expect(() => request(body, parseApiVersion("1.43"))).toThrow(
      "multiple network endpoints: a, b",
    );
    expect(
      request({ HostConfig: { NetworkMode: "container:x" } }).networkingConfig.EndpointsConfig,
    ).toEqual({});
  });

  test("warns of what docker warns of", () => {
    const host = { NetworkMode: "host", PortBindings: { "80/tcp": [{}] } };
    expect(request({ HostConfig: host }).warnings).toEqual([
      "Published ports are discarded when using host network mode",
    ]);
    expect(request({ HostConfig: { OomKillDisable: true } }).warnings[0]).toContain(
      "OOM killer is disabled",
    );
  });

  // docker takes these at create and fails at start, or writes a broken file into the container
  test("refuses early what no container could start with", () => {
    const cases: readonly (readonly [Record<string, unknown>, string])[] = [
      [
        { Sysctls: { "kernel.panic": "1" } },
        'sysctl "kernel.panic" is not in a separate kernel namespace',
      ],
      [
        { Sysctls: { "net.x": "1" }, NetworkMode: "host" },
        'sysctl "net.x" not allowed in host network namespace',
      ],
      [
        { Ulimits: [{ Name: "nofile", Soft: 3, Hard: 2 }] },
        "ulimit soft limit must be less than or equal to hard limit: 3 > 2",
      ],
      [{ Ulimits: [{ Name: "foo" }] }, "invalid ulimit type: foo"],
      [
        { Devices: [{ PathOnHost: "/dev/null", CgroupPermissions: "rr" }] },
        "invalid device mode: rr",
      ],
      [{ DeviceCgroupRules: ["x"] }, "invalid device cgroup rule format: 'x'"],
      [{ Dns: ["x"] }, "IP address is not correctly formatted: x"],
      [{ DnsSearch: ["a\nnameserver 6.6.6.6"] }, "has a blank"],
      [{ ExtraHosts: ["a\n1.2.3.4 b:1.1.1.1"] }, "bad format for add-host"],
      [{ CgroupParent: "../x" }, "it leaves the cgroup tree"],
      [{ PortBindings: { "80/foo": [{}] } }, "invalid proto: foo"],
      [{ Tmpfs: { "/a": "foo" } }, 'invalid tmpfs option "foo"'],
      [{ Binds: [`/${"x".repeat(5000)}:/b`, "/a:/b\0"] }, "NUL byte"],
    ];
    for (const [host, message] of cases) {
      expect(String(outcome(() => request({ HostConfig: host })))).toContain(message);
    }
    expect(request({ HostConfig: { CgroupParent: "/../x/../../y" } }).hostConfig.CgroupParent).toBe(
      "/../x/../../y",
    );
    expect(() => request({ Env: ["a=\0"] })).toThrow("invalid environment variable");
    expect(() => request({ Cmd: ["x".repeat(3_000_000)] })).toThrow("over the limit of 2097152");
    expect(() => request({ Cmd: ["a\0b"] })).toThrow("NUL byte");
    expect(() => request({ Hostname: "a".repeat(65) })).toThrow(
      "65 bytes are over the limit of 64",
    );
  });

  test("refuses bodies that are no objects, empty, or too much", () => {
    expect(() => request(null)).toThrow("config cannot be empty in order to create a container");
    expect(() => request({})).toThrow("config cannot be empty");
    expect(() => request("x")).toThrow(
      "cannot unmarshal string into Go value of type container.CreateRequest",
    );
    expect(() => request({ Env: Array.from({ length: 20_000 }, () => "A=b") })).toThrow(
      "the limit is 10000",
    );
    const hostile = parseJson(
      '{"Image":"x","Labels":{"__proto__":"y"},"HostConfig":{"Sysctls":{"constructor":"1"}}}',
    );
    expect(() => request(hostile)).toThrow('sysctl "constructor"');
  });

  test("answers every wrong type with a path, and never with a crash", () => {
    const wrong: readonly unknown[] = [1, "x", true, [], {}, [1], [[]], [{}], { a: 1 }, -1, 1e300];
    const top = Object.keys(containerConfigToWire(request({ Image: "x" }).config));
    const host = Object.keys(request({ Image: "x" }).hostConfig);
    for (const value of wrong) {
      for (const key of [
        ...top,
        "HostConfig",
        "NetworkingConfig",
        "Healthcheck",
        "Shell",
        "StopSignal",
      ]) {
        expect(String(outcome(() => request({ [key]: value })))).not.toMatch(
          /undefined|is not a function/,
        );
      }
      for (const key of host) {
        expect(String(outcome(() => request({ HostConfig: { [key]: value } })))).not.toMatch(
          /undefined|is not a function/,
        );
      }
    }
  });
});

describe("parseExecConfig()", () => {
  test("fills in defaults", () => {
    expect(parseExecConfig({ Cmd: ["a"], WorkingDir: "/a/../b" })).toEqual({
      User: "",
      Privileged: false,
      Tty: false,
      AttachStdin: false,
      AttachStdout: false,
      AttachStderr: false,
      DetachKeys: "",
      Env: [],
      WorkingDir: "/b",
      Cmd: ["a"],
    });
    expect(parseExecStart({ Detach: true, ConsoleSize: [24, 80] })).toEqual({
      Detach: true,
      Tty: false,
      ConsoleSize: [24, 80],
    });
  });

  test("refuses with docker's words", () => {
    expect(() => parseExecConfig({})).toThrow("No exec command specified");
    expect(() => parseExecConfig({ Cmd: "x" })).toThrow(
      "cannot unmarshal string into Go struct field .Cmd of type []string",
    );
    expect(() => parseExecConfig({ Cmd: ["x"], Env: ["=x"] })).toThrow(
      "invalid environment variable: =x",
    );
    expect(() => parseExecConfig({ Cmd: ["x"], DetachKeys: "zz" })).toThrow(
      "Invalid escape keys (zz) provided",
    );
    expect(parseExecConfig({ Cmd: ["x"], DetachKeys: "ctrl-p,q,ctrl-@" }).DetachKeys).toBe(
      "ctrl-p,q,ctrl-@",
    );
  });
});

test("network modes are told apart", () => {
  expect(["", "bridge", "host", "none", "container:x", "web"].map(isUserDefinedNetwork)).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
  ]);
  expect(joinedContainer("container:x")).toBe("x");
  expect(joinedContainer("host")).toBeUndefined();
});
