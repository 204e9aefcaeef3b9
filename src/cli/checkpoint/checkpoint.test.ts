import { expect, test } from "bun:test";
import { command as start } from "#cli/container/start.ts";
import { answer, answerJson, scriptEngine } from "#cli/container/testing/scripted-engine.ts";
import { runCommand, TestCli } from "#cli/testing/test-cli.ts";
import { command as create } from "./create.ts";
import { command as ls } from "./ls.ts";
import { command as rm } from "./rm.ts";

test("a daemon that is not experimental is told apart, in docker's words", async () => {
  const cli = new TestCli({ engine: scriptEngine({}).client });
  await expect(runCommand(create, cli, ["web", "one"])).rejects.toThrow(
    "is only supported on a Docker daemon with experimental features enabled",
  );
});

test("create asks for an end unless told otherwise, ls lists by name, rm removes", async () => {
  const bodies: unknown[] = [];
  const engine = scriptEngine(
    {
      "POST /containers/web/checkpoints": (request) => {
        bodies.push(request.body);
        answer(request.connection, "201 Created", "");
      },
      "GET /containers/web/checkpoints": (request) =>
        answerJson(request, [{ Name: "two" }, { Name: "one" }]),
      "DELETE /containers/web/checkpoints/one": ({ connection }) =>
        answer(connection, "204 No Content", ""),
    },
    { isExperimental: true },
  );
  const cli = new TestCli({ engine: engine.client });
  await runCommand(create, cli, ["--leave-running", "web", "one"]);
  await runCommand(create, cli, ["--checkpoint-dir", "/c", "web", "two"]);
  expect(bodies).toEqual([
    { CheckpointID: "one", CheckpointDir: "", Exit: false },
    { CheckpointID: "two", CheckpointDir: "/c", Exit: true },
  ]);
  await runCommand(ls, cli, ["web"]);
  await runCommand(rm, cli, ["--checkpoint-dir", "/c", "web", "one"]);
  expect(cli.output.text).toBe("one\ntwo\nCHECKPOINT NAME\none\ntwo\n");
  expect(engine.requests.at(-1)).toBe("DELETE /containers/web/checkpoints/one?dir=/c");
});

test("start goes on from a checkpoint, of one container at a time", async () => {
  const engine = scriptEngine(
    {
      "POST /containers/web/start": ({ connection }) => answer(connection, "204 No Content", ""),
    },
    { isExperimental: true },
  );
  const cli = new TestCli({ engine: engine.client });
  const flags = ["--checkpoint", "one", "--checkpoint-dir", "/c"];
  expect(await runCommand(start, cli, [...flags, "web"])).toBe(0);
  expect(engine.requests).toEqual(["POST /containers/web/start?checkpoint=one&checkpoint-dir=/c"]);
  await expect(runCommand(start, cli, [...flags, "web", "db"])).rejects.toThrow(
    "you cannot restore multiple containers at once",
  );
});
