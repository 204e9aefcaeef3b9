import { describe, expect, test } from "bun:test";
import { mergeValues, parseConfigFile } from "./config-file.ts";
import { type EngineConfig, parseHost, toEngineConfig } from "./engine-config.ts";
import { daemonHelp } from "./help.ts";
import { DAEMON_OPTIONS } from "./options.ts";
import { parseDaemonFlags } from "./parse-flags.ts";

function configOf(words: readonly string[], file = ""): EngineConfig {
  return toEngineConfig(mergeValues(parseDaemonFlags(words), parseConfigFile(file)), "/root");
}

describe("parseDaemonFlags()", () => {
  test("reads every way to write a flag", () => {
    const config = configOf([
      "-Dl",
      "warn",
      "-Hunix:///a.sock",
      "--host=unix:///b.sock",
      "--data-root",
      "/d",
      "--label",
      "a=1",
      "--label=b=2",
      "--icc=false",
      "--add-runtime",
      "kata=/usr/bin/kata",
      "--default-ulimit=nofile=10:20",
      "--default-shm-size",
      "1m",
      "--default-address-pool",
      "base=10.1.0.0/16,size=24",
    ]);
    expect(config.hosts).toEqual([
      { kind: "unix", path: "/a.sock" },
      { kind: "unix", path: "/b.sock" },
    ]);
    expect(config.logLevel).toBe("debug");
    expect(config.dataRoot).toBe("/d");
    expect(config.labels).toEqual(["a=1", "b=2"]);
    expect(config.bridge.isInterContainer).toBe(false);
    expect(config.runtimes).toEqual({ kata: { path: "/usr/bin/kata", arguments: [] } });
    expect(config.containers.ulimits).toEqual([{ Name: "nofile", Soft: 10, Hard: 20 }]);
    expect(config.containers.shmSizeBytes).toBe(1024 * 1024);
    expect(config.bridge.addressPools).toEqual([{ base: "10.1.0.0/16", size: 24 }]);
  });

  test.each([
    [
      ["--data-rot", "/d"],
      "unknown flag: --data-rot; did you mean --data-root? (see wharf daemon --help)",
    ],
    [["--zzzzzz"], "unknown flag: --zzzzzz (see wharf daemon --help)"],
    [["--data-root"], "flag needs an argument: --data-root"],
    [["extra"], '"wharf daemon" accepts no arguments, got "extra"'],
    [["--debug=maybe"], 'invalid argument "maybe" for "--debug" flag'],
    [["--shutdown-timeout", "soon"], 'invalid argument "soon" for "--shutdown-timeout" flag'],
    [
      ["--default-ulimit", "nofile=20:10"],
      "ulimit soft limit must be less than or equal to hard limit",
    ],
  ])("refuses %j", (words, message) => {
    expect(() => parseDaemonFlags(words)).toThrow(message);
  });
});

describe("parseConfigFile()", () => {
  test.each([
    ["{", "invalid JSON: unexpected end of JSON input"],
    ["[]", "invalid JSON: want an object of settings"],
    [
      '{"storage-drver":"x"}',
      "the following directives don't match any configuration option: storage-drver (did you mean storage-driver?)",
    ],
    [
      '{"debug":"x"}',
      "invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool",
    ],
    ['{"runtimes":{"x":{}}}', "cannot unmarshal object into Go struct field Config.runtimes"],
  ])("refuses %s", (text, message) => {
    expect(() => parseConfigFile(text)).toThrow(message);
  });

  test("reads docker's keys", () => {
    const config = configOf(
      [],
      JSON.stringify({
        hosts: ["unix:///a.sock"],
        "log-opts": { mode: "blocking" },
        runtimes: { x: { path: "/x", runtimeArgs: ["--a"] } },
        "default-address-pools": [{ base: "10.0.0.0/8", size: 24 }],
        "default-ulimits": { nofile: { Name: "nofile", Hard: 2, Soft: 1 } },
        "default-shm-size": "2m",
        features: { buildkit: true },
      }),
    );
    expect(config.runtimes["x"]).toEqual({ path: "/x", arguments: ["--a"] });
    expect(config.logOptions).toEqual({ mode: "blocking" });
    expect(config.containers.ulimits).toEqual([{ Name: "nofile", Soft: 1, Hard: 2 }]);
    expect(config.warnings).toEqual([
      "The setting features has no effect in this release of Wharf",
    ]);
  });
});

test("mergeValues() refuses what is in both, in dockerd's words", () => {
  const file = '{"hosts":["unix:///x"],"log-driver":"local"}';
  expect(() => configOf(["--log-driver=json-file", "-H", "unix:///y"], file)).toThrow(
    "the following directives are specified both as a flag and in the configuration file: " +
      "hosts: (from flag: [unix:///y], from file: [unix:///x]), log-driver: (from flag: json-file, from file: local)",
  );
});

describe("toEngineConfig()", () => {
  test("has the documented defaults", () => {
    expect(configOf([])).toMatchObject({
      hosts: [{ kind: "unix", path: "/run/wharf.sock" }],
      dataRoot: "/var/lib/wharf",
      execRoot: "/run/wharf",
      pidFile: "/run/wharf.pid",
      shutdownTimeoutSeconds: 15,
      storageOptions: [],
      logDriver: "json-file",
      bridge: { name: "wharf0", isInterContainer: true, publishAddress: "0.0.0.0" },
      warnings: [],
    });
  });

  test.each([
    [["-H", "tcp://127.0.0.1:2375"], "--tls=false"],
    [["-H", "npipe://x"], "invalid bind address (npipe://x)"],
    [["-H", "tcp://1.2.3.4:99999", "--tls"], "port 99999"],
    [["--selinux-enabled"], "Cannot honour selinux-enabled"],
    [["--label", "a"], "bad attribute format: a"],
    [["--log-level", "loud"], "invalid logging level: loud"],
    [["--firewall", "none"], 'invalid firewall "none": want cooperate or respect'],
    [["--mtu", "-1"], "invalid default MTU: -1"],
    [["--dns", "x"], "invalid IP address: x"],
    [["--default-ipc-mode", "host"], 'IPC mode "host" is not supported as default value'],
    [["--exec-opt", "native.cgroupdriver=foo"], "want cgroupfs or systemd"],
  ])("refuses %j", (words, message) => {
    expect(() => configOf(words)).toThrow(message);
  });

  test("serves tcp with TLS, or without where that is said", () => {
    expect(configOf(["-H", "tcp://1.2.3.4", "--tlsverify"])).toMatchObject({
      hosts: [{ kind: "tcp", host: "1.2.3.4", port: 2376 }],
      tls: {
        certificatePath: "/root/.docker/cert.pem",
        keyPath: "/root/.docker/key.pem",
        clientAuthorityPath: "/root/.docker/ca.pem",
      },
    });
    expect(configOf(["-H", "tcp://:2375", "--tls=false"]).tls).toBeUndefined();
    expect(parseHost("tcp://[::1]:5", false)).toEqual({ kind: "tcp", host: "::1", port: 5 });
  });
});

test("DAEMON_OPTIONS names every flag and key once, and daemonHelp() shows every flag", () => {
  const flags = DAEMON_OPTIONS.flatMap(({ flag }) => flag ?? []);
  const keys = DAEMON_OPTIONS.flatMap(({ key }) => key ?? []);
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(keys).size).toBe(keys.length);
  for (const flag of flags) expect(daemonHelp(80)).toContain(`--${flag} `);
});
