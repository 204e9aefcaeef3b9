import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdoptedProcess } from "./runtime.ts";
import { StateFolder } from "./state-folder.ts";
import { makeRootfs, openFixture, type RuntimeFixture } from "./testing/fixture.ts";

describe.each(["crun", "runc"] as const)("adopt() with %s", (runtimeName) => {
  test("after kill -9 of the daemon: waiting, running, paused, ended and unfinished", async () => {
    await using daemon = await openDoomedDaemon(runtimeName);
    await daemon.kill();
    await using fixture = await openFixture({
      runtimeName,
      stateDir: daemon.stateDir,
      owned: true,
    });
    const { runtime } = fixture;

    const waiting = await runtime.adopt("waiting");
    expect(waiting.status).toBe("created");
    await runtime.start("waiting");
    expect(await exitOf(waiting)).toMatchObject({ exitCode: 3 });

    const running = await runtime.adopt("running");
    expect(running).toMatchObject({ status: "running", paused: false });
    await using attached = await runtime.attach("running");
    await attached.write(Buffer.from("again\n"));
    expect(await exitOf(running)).toMatchObject({ exitCode: 4 });
    expect(readFileSync(fixture.logFile("running"), "utf8")).toMatch(/ F got again\n$/);
    expect(await runtime.adopt("running")).toMatchObject({
      status: "exited",
      exit: { exitCode: 4 },
    });

    expect(await runtime.adopt("frozen")).toMatchObject({ status: "running", paused: true });
    expect((await runtime.adopt("midway")).status).toBe("lost");
    expect((await runtime.adopt("early")).status).toBe("lost");
    for (const id of runtime.list()) {
      await runtime.delete(id, { force: true });
      expect(fixture.host.cgroups.exists(fixture.request(id, "").cgroupPath)).toBe(false);
    }
    expect(runtime.list()).toEqual([]);
    expect(processesBelow(daemon.stateDir)).toEqual([]);
  });

  test("an exit while no daemon runs is read from conmon's file", async () => {
    await using daemon = await openDoomedDaemon(runtimeName);
    await daemon.kill();
    await using fixture = await openFixture({
      runtimeName,
      stateDir: daemon.stateDir,
      owned: true,
    });
    // Nobody adopted "finished" before it ends: only its conmon knows.
    await sendLine(fixture, "finished");
    const adopted = await runtimeExit(fixture, "finished");
    expect(adopted).toMatchObject({ status: "exited", exit: { exitCode: 5, oomKilled: false } });
  });

  test("what an earlier version of the daemon left is taken over", async () => {
    await using daemon = await openDoomedDaemon(runtimeName);
    await daemon.kill();
    await using fixture = await openFixture({
      runtimeName,
      stateDir: daemon.stateDir,
      owned: true,
    });
    for (const id of ["waiting", "running"]) await writeEarlierLayout(fixture, id);
    const { runtime } = fixture;
    const waiting = await runtime.adopt("waiting");
    expect(waiting.status).toBe("created");
    await runtime.start("waiting");
    expect(await runtime.adopt("waiting")).not.toMatchObject({ status: "created" });
    expect(await exitOf(waiting)).toMatchObject({ exitCode: 3 });
    const running = await runtime.adopt("running");
    expect(running).toMatchObject({ status: "running" });
    await sendLine(fixture, "running");
    expect(await exitOf(running)).toMatchObject({ exitCode: 4 });
  });

  test("after a reboot everything is lost", async () => {
    await using daemon = await openDoomedDaemon(runtimeName);
    await daemon.kill();
    const reboot = { bootId: "another-boot" };
    await using fixture = await openFixture({
      runtimeName,
      stateDir: daemon.stateDir,
      owned: true,
      ...reboot,
    });
    expect(await fixture.runtime.adopt("running")).toEqual({ status: "lost" });
    expect(await fixture.runtime.adopt("never-there")).toEqual({ status: "lost" });
  });

  test("a start that was interrupted before the fifo is finished", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime } = fixture;
    await runtime.create(fixture.request("c1", "exit 6"), new AbortController().signal);
    folderOf(fixture, "c1").markStarting();
    const adopted = await runtime.adopt("c1");
    expect(adopted.status).toBe("running");
    expect(await exitOf(adopted)).toMatchObject({ exitCode: 6 });
  });

  test("a start that was interrupted after the release counts as running", async () => {
    await using fixture = await openFixture({ runtimeName });
    const { runtime, host } = fixture;
    await runtime.create(fixture.request("c1", "sleep 100"), new AbortController().signal);
    await runtime.start("c1");
    const fifo = join(fixture.stateDir, "runtimes", runtimeName, "c1", "exec.fifo");
    await host.processes.run({ argv: ["/usr/bin/mkfifo", fifo] });
    expect(await runtime.adopt("c1")).toMatchObject({ status: "running", paused: false });
    await runtime.pause("c1");
    expect(await runtime.adopt("c1")).toMatchObject({ status: "running", paused: true });
  });
});

function folderOf({ stateDir }: RuntimeFixture, id: string): StateFolder {
  return new StateFolder(join(stateDir, "processes", id), join(stateDir, "exits"));
}

/** As a version that had a file for each step would have left it. */
async function writeEarlierLayout(fixture: RuntimeFixture, id: string): Promise<void> {
  const { path, record, pair, isStarting } = folderOf(fixture, id);
  await Bun.write(join(path, "record.json"), JSON.stringify(record));
  await Bun.write(join(path, "processes.json"), JSON.stringify(pair));
  if (isStarting) await Bun.write(join(path, "starting"), "");
  rmSync(join(path, "state"));
}

interface DoomedDaemon extends AsyncDisposable {
  readonly stateDir: string;
  kill(): Promise<void>;
}

async function openDoomedDaemon(runtimeName: string): Promise<DoomedDaemon> {
  const stateDir = mkdtempSync(join(tmpdir(), "wharf-runtime-"));
  makeRootfs(stateDir);
  const script = join(import.meta.dir, "testing", "doomed-daemon.ts");
  const child = Bun.spawn([process.execPath, script, runtimeName, stateDir], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const { value } = await child.stdout.getReader().read();
  expect(Buffer.from(value ?? []).toString()).toBe("ready\n");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { stateDir, kill, [Symbol.asyncDispose]: kill };
}

async function sendLine(fixture: RuntimeFixture, id: string): Promise<void> {
  await using attached = await fixture.runtime.attach(id);
  await attached.write(Buffer.from("\n"));
  for await (const _ of attached.output()); // ends with conmon
}

/** conmon ends its streams a moment before itself. */
async function runtimeExit(fixture: RuntimeFixture, id: string): Promise<AdoptedProcess> {
  const first = await fixture.runtime.adopt(id);
  if (first.status === "running") await first.exited;
  return await fixture.runtime.adopt(id);
}

async function exitOf(adopted: AdoptedProcess): Promise<unknown> {
  return "exited" in adopted ? await adopted.exited : adopted;
}

/** Processes that name the folder in their command line. */
function processesBelow(stateDir: string): readonly string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(stateDir);
    } catch {
      return false; // ended meanwhile
    }
  });
}
