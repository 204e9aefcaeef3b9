import { describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import { NO_ABORT, openTestEngine, settle, World } from "#containers/testing/harness.ts";
import { parseExecConfig } from "#spec/engine-api/exec-config.ts";

const DETACHED = { detach: true, terminal: false };

describe("exec", () => {
  test("created, running, exited; kept for five minutes", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const id = await engine.run({}, "web");
    const exec = await engine.containers.createExec("web", parseExecConfig({ Cmd: ["ls", "-l"] }));
    expect(engine.containers.inspectExec(exec)).toMatchObject({ status: "created", pid: 0 });
    await engine.containers.startExec(exec, DETACHED, NO_ABORT);
    expect(engine.containers.inspectExec(exec)).toMatchObject({ status: "running", pid: 1001 });
    expect((await engine.details(id)).execIds).toEqual([exec]);
    expect(await rejectionOf(engine.containers.startExec(exec, DETACHED, NO_ABORT))).toBe(
      `exec command ${exec} has already run`,
    );
    world.processes.end(exec, 4);
    await settle();
    expect(engine.containers.inspectExec(exec)).toMatchObject({ status: "exited", exitCode: 4 });
    expect((await engine.details(id)).execIds).toEqual([]);
    expect(engine.events.slice(-3)).toEqual([
      "container exec_create: ls -l",
      "container exec_start: ls -l",
      "container exec_die 4",
    ]);
    world.clock.advance(5 * 60 * 1000 + 1);
    expect(() => engine.containers.inspectExec(exec)).toThrow(`No such exec instance: ${exec}`);
    expect(world.leaks(new Set([id]), new Set([id]))).toEqual([]);
  });

  test("a command that is not there leaves code 127", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    await engine.run({}, "web");
    const exec = await engine.containers.createExec("web", parseExecConfig({ Cmd: ["nosuch"] }));
    expect(await rejectionOf(engine.containers.startExec(exec, DETACHED, NO_ABORT))).toContain(
      "executable file not found",
    );
    expect(engine.containers.inspectExec(exec)).toMatchObject({ status: "exited", exitCode: 127 });
  });

  test("refused when paused, ended or between restarts", async () => {
    using world = new World();
    await using engine = await openTestEngine(world);
    const config = parseExecConfig({ Cmd: ["ls"] });
    const id = await engine.run({ HostConfig: { RestartPolicy: { Name: "always" } } }, "web");
    await engine.containers.pause("web");
    expect(await rejectionOf(engine.containers.createExec("web", config))).toBe(
      "Container web is paused, unpause the container before exec",
    );
    await engine.containers.unpause("web");
    world.processes.end(id, 1);
    await settle();
    expect(await rejectionOf(engine.containers.createExec("web", config))).toBe(
      `Container ${id} is restarting, wait until the container is running`,
    );
    await engine.containers.stop("web", {});
    expect(await rejectionOf(engine.containers.createExec("web", config))).toBe(
      `container ${id} is not running`,
    );
  });

  test("the next engine takes over one that runs, and reads the code of one that ended", async () => {
    using world = new World();
    const first = await openTestEngine(world);
    await first.run({}, "web");
    const start = async (): Promise<string> => {
      const exec = await first.containers.createExec("web", parseExecConfig({ Cmd: ["ls"] }));
      await first.containers.startExec(exec, DETACHED, NO_ABORT);
      return exec;
    };
    const runs = await start();
    const ended = await start();
    await first[Symbol.asyncDispose]();
    world.processes.end(ended, 6);
    await using second = await openTestEngine(world);
    await second.containers.reconcile();
    expect(second.containers.inspectExec(ended)).toMatchObject({ status: "exited", exitCode: 6 });
    expect(second.containers.inspectExec(runs)).toMatchObject({ status: "running" });
    world.processes.end(runs, 2);
    await settle();
    expect(second.containers.inspectExec(runs)).toMatchObject({ exitCode: 2 });
  });
});
