import { describe, expect, test } from "bun:test";
import { toEngineConfig } from "#daemon/config/engine-config.ts";
import { parseConfigFile } from "#daemon/config/config-file.ts";
import { chooseInheritedSockets } from "./inherited-sockets.ts";
import { mergeReloaded, reloadAttributes, waitingForRestart } from "./reload.ts";
import {
  inheritedDescriptors,
  readServiceEnvironment,
  ServiceManager,
  takeServiceEnvironment,
} from "./service-manager.ts";

const configOf = (settings: object): ReturnType<typeof toEngineConfig> =>
  toEngineConfig(parseConfigFile(JSON.stringify(settings)), "/root");

describe("takeServiceEnvironment()", () => {
  test("takes systemd's variables out of the environment", () => {
    const environment: Record<string, string | undefined> = {
      ...{ LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "api:docker" },
      ...{ NOTIFY_SOCKET: "@n", WATCHDOG_USEC: "3000000", WATCHDOG_PID: "7", PATH: "/bin" },
    };
    const taken = takeServiceEnvironment(environment, 7);
    expect(taken).toEqual({
      notifySocket: "@n",
      watchdogMs: 3000,
      listenNames: ["api", "docker"],
    });
    expect(inheritedDescriptors(taken)).toEqual([3, 4]);
    expect(environment).toEqual({ PATH: "/bin" });
  });

  test("leaves alone what is meant for another process, or is no number", () => {
    const other = { LISTEN_PID: "8", LISTEN_FDS: "2", WATCHDOG_USEC: "5", WATCHDOG_PID: "8" };
    expect(readServiceEnvironment(other, 7)).toEqual({ listenNames: [] });
    const broken = { LISTEN_PID: "7", LISTEN_FDS: "-1", WATCHDOG_USEC: "soon" };
    expect(readServiceEnvironment(broken, 7)).toEqual({ listenNames: [] });
  });
});

describe("ServiceManager", () => {
  test("says nothing to nobody, and warns when nobody hears it", () => {
    const warnings: string[] = [];
    const make = (notifySocket?: string): ServiceManager =>
      new ServiceManager({
        environment: { listenNames: [], ...(notifySocket ? { notifySocket } : {}) },
        send: () => {
          throw new Error("no such socket");
        },
        monotonicMicroseconds: () => 1,
        warn: (message) => warnings.push(message),
      });
    using silent = make();
    silent.ready("x");
    expect(warnings).toEqual([]);
    using loud = make("/run/n");
    loud.reloading();
    expect(warnings).toEqual(["Cannot tell the service manager: no such socket"]);
  });
});

describe("chooseInheritedSockets()", () => {
  const all = [
    { name: "api", descriptor: 3 },
    { name: "docker", descriptor: 4 },
  ];
  test.each([
    ["", all],
    ["*", all],
    ["docker", all.slice(1)],
    ["3", all.slice(0, 1)],
  ])("fd://%s", (wanted, found) => {
    expect(chooseInheritedSockets(wanted, ["api", "docker"])).toEqual(found);
  });

  test("says what there is", () => {
    expect(() => chooseInheritedSockets("web", ["api", "docker"])).toThrow("are api, docker");
    expect(() => chooseInheritedSockets("", [])).toThrow("no sockets found via socket activation");
  });
});

describe("mergeReloaded()", () => {
  test("takes over what may change, keeps the rest and names it", () => {
    const current = configOf({ labels: ["a=1"], "data-root": "/one", "default-runtime": "runc" });
    const read = configOf({ labels: ["a=2"], "data-root": "/two", "default-shm-size": "1m" });
    const merged = mergeReloaded(current, read);
    expect(merged).toMatchObject({ labels: ["a=2"], dataRoot: "/one" });
    expect(merged.defaultRuntime).toBeUndefined();
    expect(merged.containers.shmSizeBytes).toBe(1024 * 1024);
    expect(waitingForRestart(current, read)).toEqual(["dataRoot"]);
  });
});

test("reloadAttributes() are Docker's names and forms", () => {
  const config = configOf({
    debug: true,
    labels: ["a=1"],
    features: { buildkit: true },
    "registry-mirrors": ["https://m"],
  });
  const facts = { hostname: "h", defaultRuntime: "runc", runtimes: { runc: "/usr/sbin/runc" } };
  expect(reloadAttributes(config, facts)).toEqual({
    name: "h",
    debug: "true",
    "max-concurrent-downloads": "3",
    "max-concurrent-uploads": "5",
    "max-download-attempts": "5",
    "shutdown-timeout": "15",
    "default-stop-timeout": "10",
    features: "map[buildkit:true]",
    labels: '["a=1"]',
    "insecure-registries": "[]",
    "registry-mirrors": '["https://m"]',
    "live-restore": "false",
    "nri-opts": "enable=false",
    runtimes: "runc:/usr/sbin/runc",
    "default-runtime": "runc",
    "default-shm-size": "67108864",
    "default-ipc-mode": "private",
    "default-cgroupns-mode": "",
  });
});
