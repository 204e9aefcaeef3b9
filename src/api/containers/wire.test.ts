import { describe, expect, test } from "bun:test";
import { EXITED, PAUSED, RUNNING, containerDetails } from "#api/testing/container-fixtures.ts";
import { shapeDifferences } from "#api/testing/shape.ts";
import docker from "#api/testdata/docker-28.json";
import type { ContainerStatsSample } from "#containers/containers.ts";
import type { ContainerHealth } from "#containers/health/health.ts";
import type { Sandbox } from "#networks/networks.ts";
import { parseEndpointId, parseNetworkId, parseSandboxId } from "#spec/ids.ts";
import { MAX_API_VERSION, parseApiVersion } from "#spec/engine-api/version.ts";
import { inspectToWire } from "./inspect.ts";
import { statsToWire } from "./stats-wire.ts";
import { statusText } from "./state-words.ts";
import { summaryToWire } from "./summary.ts";

const V151 = parseApiVersion("1.51");
const PORTS = { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18081" }] };
const SLEEP = ["/bin/busybox", "sleep", "100"];
const SANDBOX: Sandbox = {
  id: parseSandboxId("34".repeat(32)),
  containerId: "ab".repeat(32),
  mode: { kind: "bridge" },
  namespacePath: "/run/wharf/netns/x",
  endpoints: [
    {
      id: parseEndpointId("ef".repeat(32)),
      networkId: parseNetworkId("12".repeat(32)),
      networkName: "bridge",
      ipAddress: "172.17.0.2",
      prefixLength: 16,
      gateway: "172.17.0.1",
      macAddress: "02:42:ac:11:00:02",
      aliases: [],
    },
  ],
  ports: [{ protocol: "tcp", containerPort: 80, hostAddress: "127.0.0.1", hostPort: 18081 }],
};

const created = containerDetails(
  {
    Image: "wharf-golden:latest",
    Cmd: SLEEP,
    HostConfig: {
      Binds: ["wharf-golden:/v", "/tmp:/hosttmp:ro"],
      Tmpfs: { "/t": "" },
      PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "18080" }] },
    },
  },
  { status: "created" },
  {
    mounts: [
      {
        kind: "volume",
        name: "wharf-golden",
        driver: "local",
        source: "/data/volumes/wharf-golden/_data",
        destination: "/v",
        readOnly: false,
        mode: "z",
        propagation: "",
        copyUp: true,
      },
      {
        kind: "bind",
        source: "/tmp",
        destination: "/hosttmp",
        readOnly: true,
        mode: "ro",
        propagation: "rprivate",
        copyUp: false,
      },
    ],
  },
);
const running = containerDetails(
  { Cmd: SLEEP, ExposedPorts: { "70/tcp": {}, "80/tcp": {} }, HostConfig: { PortBindings: PORTS } },
  RUNNING,
  { sandbox: SANDBOX },
);
const exited = containerDetails({ Cmd: ["/bin/busybox", "sh", "-c", "exit 3"] }, EXITED);

describe("inspectToWire()", () => {
  // Docker lists a published port of a container that never ran under ExposedPorts only for some clients.
  test.each([
    ["running", docker.running, running],
    ["exited", docker.exited, exited],
    ["created", docker.created, created],
  ])("has Docker 28's keys and defaults for a container that is %s", (_name, expected, details) => {
    const wire: unknown = JSON.parse(JSON.stringify(inspectToWire(details, V151, "wharf0")));
    expect(shapeDifferences(expected, wire)).toEqual([]);
  });

  test("leaves the fields of the one endpoint out since API 1.52", () => {
    const settings = inspectToWire(running, MAX_API_VERSION, "wharf0").NetworkSettings;
    expect(Object.keys(settings ?? {})).toEqual(["SandboxID", "SandboxKey", "Ports", "Networks"]);
  });
});

describe("summaryToWire()", () => {
  test("has Docker 28's keys and defaults", () => {
    const rows = [exited, running, created].map((details) =>
      summaryToWire(details, 1_120_000, V151),
    );
    const wire: unknown = JSON.parse(JSON.stringify(rows));
    expect(shapeDifferences(docker.list, wire)).toEqual([]);
  });
});

describe("health", () => {
  const health: ContainerHealth = {
    status: "healthy",
    failingStreak: 0,
    log: [{ startedNanos: 1n, endedNanos: 2_000_000_001n, exitCode: 0, output: "fine\n" }],
    runStartedNanos: 0n,
  };
  const checked = { ...running, health };

  test("is part of the state in inspect, and of a row since API 1.52", () => {
    expect(inspectToWire(checked, V151, "wharf0").State?.Health).toEqual({
      Status: "healthy",
      FailingStreak: 0,
      Log: [
        {
          Start: "1970-01-01T00:00:00.000000001Z",
          End: "1970-01-01T00:00:02.000000001Z",
          ExitCode: 0,
          Output: "fine\n",
        },
      ],
    });
    expect(summaryToWire(checked, 1_120_000, V151).Health).toBeUndefined();
    const summary = (details: typeof running): unknown =>
      summaryToWire(details, 1_120_000, MAX_API_VERSION).Health;
    expect(summary(checked)).toEqual({ Status: "healthy", FailingStreak: 0 });
    expect(summary(running)).toEqual({ Status: "none", FailingStreak: 0 });
  });

  test("stands behind the time in the status, a pause before it", () => {
    expect(statusText(RUNNING, 1_120_000, health)).toBe("Up 2 minutes (healthy)");
    expect(statusText(RUNNING, 1_120_000, { ...health, status: "starting" })).toBe(
      "Up 2 minutes (health: starting)",
    );
    expect(statusText(PAUSED, 1_120_000, health)).toBe("Up 2 minutes (Paused)");
    expect(statusText(EXITED, 1_120_000, health)).toBe("Exited (3) About a minute ago");
  });
});

describe("statusText()", () => {
  test.each([
    [{ status: "created" } as const, "Created"],
    [RUNNING, "Up 2 minutes"],
    [PAUSED, "Up 2 minutes (Paused)"],
    [EXITED, "Exited (3) About a minute ago"],
    [{ status: "dead", reason: "half removed" } as const, "Dead"],
  ])("%#", (state, text) => {
    expect(statusText(state, 1_120_000)).toBe(text);
  });
});

describe("statsToWire()", () => {
  const sample: ContainerStatsSample = {
    id: running.record.id,
    name: "web",
    readNanos: 5n,
    cgroup: {
      cpu: {
        usageNanos: 5,
        userNanos: 2,
        systemNanos: 3,
        perCpuNanos: [2, 3],
        periods: 0,
        throttledPeriods: 0,
        throttledNanos: 0,
      },
      memory: { usageBytes: 1, maxUsageBytes: 2, limitBytes: 3, stats: {} },
      pids: { current: 1 },
      blockIo: [],
    },
    hostCpuNanos: 9,
    onlineCpus: 2,
    networks: {
      eth0: {
        rxBytes: 1,
        rxPackets: 1,
        rxErrors: 0,
        rxDropped: 0,
        txBytes: 1,
        txPackets: 1,
        txErrors: 0,
        txDropped: 0,
      },
    },
    isRunning: true,
  };

  test("has Docker 28's keys for a running container", () => {
    const wire: unknown = JSON.parse(JSON.stringify(statsToWire(sample, sample)));
    expect(shapeDifferences(docker.stats, wire)).toEqual([]);
  });

  test("has Docker 28's keys for one that does not run", () => {
    const stopped = { ...sample, isRunning: false, cgroup: {}, networks: {} };
    const wire: unknown = JSON.parse(JSON.stringify(statsToWire(stopped, undefined)));
    expect(shapeDifferences(docker.stoppedStats, wire)).toEqual([]);
  });
});
