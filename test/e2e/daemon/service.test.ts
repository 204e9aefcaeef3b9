import { randomBytes } from "node:crypto";
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "../../harness/command.ts";
import { startEngine, TestEngine, WHARF } from "../../harness/engine.ts";
import { findLeaks } from "../../harness/leaks.ts";
import { NotifySocket } from "../../harness/notify-socket.ts";
import { waitUntil } from "../../harness/wait-until.ts";

/** An operator runs the engine as a service: systemd starts, reloads and stops it. */

describe("the daemon as a service", () => {
  test("tells systemd ready, reloading and stopping, and feeds its watchdog", async () => {
    const root = mkdtempSync("/var/tmp/wharf-e2e-notify-");
    using notify = new NotifySocket(join(root, "notify"));
    const config = join(root, "daemon.json");
    writeFileSync(config, JSON.stringify({ labels: ["a=1"], "shutdown-timeout": 20 }));
    await using engine = await startEngine({
      flags: ["--config-file", config],
      env: { NOTIFY_SOCKET: notify.path, WATCHDOG_USEC: "200000" },
    });
    await notify.until("READY=1");
    await notify.until("WATCHDOG=1");
    // no child may speak for the service
    const seen = await engine.mustDocker("run", "--rm", "busybox", "env");
    expect(seen).not.toContain("NOTIFY_SOCKET");

    writeFileSync(
      config,
      JSON.stringify({
        labels: ["a=2"],
        debug: true,
        "max-concurrent-downloads": 7,
        "default-runtime": "runc",
      }),
    );
    notify.messages.length = 0;
    process.kill(engine.pid, "SIGHUP");
    expect(await notify.until("RELOADING=1")).toMatch(/MONOTONIC_USEC=[0-9]+$/);
    await notify.until("READY=1");
    const info = (await (await engine.api("GET", "/info")).json()) as Record<string, unknown>;
    expect(info).toMatchObject({ Labels: ["a=2"], Debug: true, DefaultRuntime: "runc" });
    const until = (Date.now() + 50) / 1000;
    const filters = encodeURIComponent('{"type":["daemon"]}');
    const answer = await engine.api("GET", `/events?since=1&until=${until}&filters=${filters}`);
    const { Actor, Action } = (await answer.json()) as {
      Action: string;
      Actor: { Attributes: object };
    };
    expect(Action).toBe("reload");
    expect(Actor.Attributes).toMatchObject({
      debug: "true",
      labels: '["a=2"]',
      "max-concurrent-downloads": "7",
      "shutdown-timeout": "15",
      "default-runtime": "runc",
      "insecure-registries": "[]",
      "live-restore": "false",
    });
    await engine.mustDocker("run", "--rm", "busybox", "true");

    writeFileSync(config, '{"labels": ["a=3"], "no-such-key": 1}');
    process.kill(engine.pid, "SIGHUP");
    await waitUntil("the broken file is told", () =>
      engine.daemonLog().includes("don't match any configuration option: no-such-key"),
    );
    const kept = (await (await engine.api("GET", "/info")).json()) as { Labels: string[] };
    expect(kept.Labels).toEqual(["a=2"]);
    expect(engine.daemonLog()).toContain("level=error");

    notify.messages.length = 0;
    expect(await engine.stop()).toBe(0);
    await notify.until("STOPPING=1");
    // what was logged as an error was provoked
    writeFileSync(join(engine.root, "daemon.log"), "");
    writeFileSync(config, "{}");
    await engine.start();
    rmSync(root, { recursive: true });
  }, 60_000);

  test.skipIf(Bun.which("systemd-socket-activate") === null)(
    "is started by the first request, on the sockets that it is handed",
    async () => {
      const root = mkdtempSync("/var/tmp/wharf-e2e-fd-");
      const sockets = [join(root, "a.sock"), join(root, "b.sock")];
      const daemon = Bun.spawn(
        [
          "systemd-socket-activate",
          ...sockets.flatMap((path) => ["-l", path]),
          ...["--fdname=first:second", WHARF, "daemon", "-H", "fd://", "--bridge", "none"],
          ...["--data-root", join(root, "data"), "--exec-root", join(root, "run")],
          ...["--pidfile", join(root, "pid")],
        ],
        { stdout: "ignore", stderr: Bun.file(join(root, "log")) },
      );
      await waitUntil("the sockets are there", () => sockets.every((path) => existsSync(path)));
      for (const path of sockets) {
        const { stdout } = await mustRun([
          WHARF,
          "-H",
          `unix://${path}`,
          "info",
          "--format",
          "{{.DockerRootDir}}",
        ]);
        expect(stdout).toBe(`${root}/data\n`);
      }
      expect(readFileSync(join(root, "log"), "utf8")).toContain("API listen on fd://second");
      daemon.kill("SIGTERM");
      expect(await daemon.exited).toBe(0);
      expect(existsSync(sockets[0] ?? "")).toBe(true); // not ours to remove
      rmSync(root, { recursive: true });
    },
    30_000,
  );

  test("without sockets to inherit says so and ends, and leaves nothing on the host", async () => {
    const root = mkdtempSync("/var/tmp/wharf-e2e-fd-");
    const bridge = `wt${randomBytes(5).toString("hex")}`;
    const { exitCode, stderr } = await runCommand([
      ...[WHARF, "daemon", "-H", "fd://", "--bridge", bridge, "--data-root", join(root, "data")],
      ...["--exec-root", join(root, "run"), "--pidfile", join(root, "pid")],
    ]);
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("no sockets found via socket activation"),
    ]);
    const engineId = readFileSync(join(root, "data/engine-id"), "utf8").trim();
    expect(await findLeaks({ root, bridge, engineId, containerIds: [] })).toEqual([]);
    rmSync(root, { recursive: true });
  });

  test("writes down what it is at on SIGUSR1, and ends at the third SIGTERM", async () => {
    const engine = new TestEngine({});
    await engine.start();
    await engine.importImage("busybox");
    await engine.mustDocker(
      "run",
      "-d",
      "--name",
      "deaf",
      "--stop-timeout",
      "100",
      "busybox",
      "sh",
      "-c",
      "trap '' TERM; sleep 1000 & wait; wait",
    );
    process.kill(engine.pid, "SIGUSR1");
    const path = /path=(\S+daemon-state-\S+\.json)/;
    await waitUntil("the state is written", () => path.test(engine.daemonLog()));
    const [, file = ""] = path.exec(engine.daemonLog()) ?? [];
    const state = JSON.parse(readFileSync(file, "utf8")) as {
      containers: { name: string; status: string }[];
    };
    expect(state.containers).toMatchObject([{ name: "deaf", status: "running" }]);
    const { pid } = engine;
    const ended = engine.stop();
    // signals that come at once count as one
    const repeat = setInterval(() => process.kill(pid, "SIGTERM"), 100);
    expect(await ended).toBe(143);
    clearInterval(repeat);
    await engine.start();
    await engine[Symbol.asyncDispose]();
  }, 60_000);
});

describe("system install", () => {
  const unitDirectory = (): string => {
    const root = mkdtempSync("/var/tmp/wharf-e2e-units-");
    mkdirSync(join(root, "units"));
    return join(root, "units");
  };
  const wharf = async (...words: string[]): Promise<string> =>
    (await mustRun([WHARF, ...words])).stdout;

  test("writes units that systemd takes, and removes no others", async () => {
    const directory = unitDirectory();
    writeFileSync(join(directory, "other.service"), "[Service]\nExecStart=/bin/true\n");
    await wharf(
      "system",
      "install",
      "--unit-dir",
      directory,
      "--no-start",
      "--",
      "--data-root",
      "/srv/with blank",
      "--label",
      "a=50%",
    );
    const service = readFileSync(join(directory, "wharf.service"), "utf8");
    expect(service).toContain(` daemon -H fd:// --data-root "/srv/with blank" --label a=50%%\n`);
    if (Bun.which("systemd-analyze")) {
      const units = ["wharf.service", "wharf.socket"].map((name) => join(directory, name));
      expect(await runCommand(["systemd-analyze", "verify", ...units])).toMatchObject({
        exitCode: 0,
        stderr: "",
      });
    }
    await wharf("system", "install", "--unit-dir", directory, "--no-start"); // again, over our own
    expect(await wharf("system", "uninstall", "--unit-dir", directory)).toBe(
      `Removed ${directory}/wharf.service\nRemoved ${directory}/wharf.socket\n`,
    );
    expect(existsSync(join(directory, "other.service"))).toBe(true);
    rmSync(join(directory, ".."), { recursive: true });
  });

  test("refuses a unit that somebody else wrote; --dry-run writes nothing", async () => {
    const directory = unitDirectory();
    expect(await wharf("system", "install", "--unit-dir", directory, "--dry-run")).toContain(
      "Type=notify\n",
    );
    expect(existsSync(join(directory, "wharf.service"))).toBe(false);
    writeFileSync(join(directory, "wharf.service"), "[Service]\nExecStart=/bin/true\n");
    const refused = await runCommand([
      WHARF,
      "system",
      "install",
      "--unit-dir",
      directory,
      "--no-start",
    ]);
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining("a unit is there that Wharf did not write"),
    ]);
    expect(existsSync(join(directory, "wharf.socket"))).toBe(false);
    rmSync(join(directory, ".."), { recursive: true });
  });
});
