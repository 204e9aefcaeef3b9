import { expect, test } from "bun:test";
import { TestCli, runCommand } from "#cli/testing/test-cli.ts";
import { command as attach } from "#cli/container/attach.ts";
import { command as exec } from "#cli/container/exec.ts";
import { command as start } from "#cli/container/start.ts";
import {
  answer,
  answerJson,
  frame,
  handOver,
  refuse,
  scriptEngine,
} from "#cli/container/testing/scripted-engine.ts";

const container = (state: object, config: object = {}): object => ({
  Id: "c1",
  State: state,
  Config: { Tty: false, OpenStdin: true, ...config },
  HostConfig: { AutoRemove: true },
});

test("exec sends its flags, shows the output and gives the exit code", async () => {
  let created: unknown;
  const engine = scriptEngine({
    "POST /containers/web/exec": (request) => {
      created = request.body;
      answerJson(request, { Id: "e1" });
    },
    "POST /exec/e1/start": (request) => {
      handOver(request);
      request.connection.feed(frame(1, "out"));
      request.connection.feed(frame(2, "err"));
      request.connection.endFeed();
    },
    "GET /exec/e1/json": (request) => answerJson(request, { ExitCode: 127 }),
  });
  const cli = new TestCli({ engine: engine.client, env: { HERE: "yes" } });
  const flags = ["-e", "HERE", "-e", "THERE", "-u", "1:2", "-w", "/w", "--privileged"];
  expect(await runCommand(exec, cli, [...flags, "web", "ls", "-l"])).toBe(127);
  expect(created).toMatchObject({
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Cmd: ["ls", "-l"],
    Env: ["HERE=yes", "THERE"],
    Privileged: true,
    User: "1:2",
    WorkingDir: "/w",
  });
  expect([cli.output.text, cli.errors.text]).toEqual(["out", "err"]);
});

test("exec -d starts and leaves", async () => {
  const bodies: unknown[] = [];
  const engine = scriptEngine({
    "POST /containers/web/exec": (request) => {
      bodies.push(request.body);
      answerJson(request, { Id: "e1" });
    },
    "POST /exec/e1/start": ({ connection, body }) => {
      bodies.push(body);
      answer(connection, "200 OK", "");
    },
  });
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(exec, cli, ["-d", "-i", "web", "true"])).toBe(0);
  expect(bodies).toMatchObject([
    { AttachStdin: false, AttachStdout: false, AttachStderr: false },
    { Detach: true, Tty: false },
  ]);
});

test("exec -it wants a terminal to type at", async () => {
  const cli = new TestCli({ engine: scriptEngine({}).client });
  await expect(runCommand(exec, cli, ["-it", "web", "sh"])).rejects.toThrow(
    "cannot attach stdin to a TTY-enabled container because stdin is not a terminal",
  );
});

for (const [state, message] of [
  [{ Running: false }, "You cannot attach to a stopped container, start it first"],
  [{ Running: true, Paused: true }, "You cannot attach to a paused container, unpause it first"],
  [
    { Running: true, Restarting: true },
    "You cannot attach to a restarting container, wait until it is running",
  ],
] as const) {
  test(`attach: ${message}`, async () => {
    const engine = scriptEngine({
      "GET /containers/web/json": (request) => answerJson(request, container(state)),
    });
    const cli = new TestCli({ engine: engine.client });
    await expect(runCommand(attach, cli, ["web"])).rejects.toThrow(message);
  });
}

test("attach joins a running container and gives its exit code", async () => {
  const inspect = container({ Running: true });
  const engine = scriptEngine({
    "GET /containers/web/json": (request) => answerJson(request, inspect),
    "GET /containers/c1/json": (request) => answerJson(request, inspect),
    "POST /containers/c1/attach": (request) => {
      handOver(request);
      request.connection.feed(frame(1, "out"));
      request.connection.endFeed();
    },
    "POST /containers/c1/wait": (request) => answerJson(request, { StatusCode: 3 }),
  });
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(attach, cli, ["--no-stdin", "web"])).toBe(3);
  expect(cli.output.text).toBe("out");
  expect(engine.requests).toContain("POST /containers/c1/attach?stream=1&stdout=1&stderr=1");
});

test("start goes on after a failure and names what failed", async () => {
  const engine = scriptEngine({
    "POST /containers/one/start": ({ connection }) => answer(connection, "204 No Content", ""),
    "POST /containers/nope/start": ({ connection }) =>
      refuse(connection, 404, "No such container: nope"),
    "POST /containers/two/start": ({ connection }) => answer(connection, "304 Not Modified", ""),
  });
  const cli = new TestCli({ engine: engine.client });
  await expect(runCommand(start, cli, ["one", "nope", "two"])).rejects.toMatchObject({
    exitCode: 1,
    message: "Error: failed to start containers: nope",
  });
  expect(cli.output.text).toBe("one\ntwo\n");
  expect(cli.errors.text).toBe("Error response from daemon: No such container: nope\n");
});

test("start -ai joins one container's streams and waits for its removal", async () => {
  const engine = scriptEngine({
    "GET /containers/web/json": (request) => answerJson(request, container({ Running: false })),
    "POST /containers/c1/attach": (request) => {
      handOver(request);
      request.connection.endFeed();
    },
    "POST /containers/c1/wait": (request) => answerJson(request, { StatusCode: 4 }),
    "POST /containers/c1/start": ({ connection }) => answer(connection, "204 No Content", ""),
  });
  const cli = new TestCli({ engine: engine.client });
  expect(await runCommand(start, cli, ["-ai", "web"])).toBe(4);
  expect(engine.requests.slice(1)).toEqual([
    "POST /containers/c1/attach?stream=1&stdin=1&stdout=1&stderr=1",
    "POST /containers/c1/wait?condition=removed",
    "POST /containers/c1/start",
  ]);
  await expect(runCommand(start, cli, ["-a", "one", "two"])).rejects.toThrow(
    "you cannot start and attach multiple containers at once",
  );
});

test("start refuses checkpoints by name", async () => {
  const cli = new TestCli({ engine: scriptEngine({}).client });
  await expect(runCommand(start, cli, ["--checkpoint", "x", "web"])).rejects.toThrow(
    '"--checkpoint" is only supported on a Docker daemon with experimental features enabled',
  );
});
