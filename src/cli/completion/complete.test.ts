import { expect, test } from "bun:test";
import { type CompletionPlan, planCompletion } from "./complete.ts";
import { globalFlags } from "#cli/command/globals.ts";
import { runCompletion } from "./run-completion.ts";
import { TestCli, openFakeEngine } from "#cli/testing/test-cli.ts";

const globals = globalFlags({});

function plan(...words: string[]): Promise<CompletionPlan> {
  return planCompletion(words, globals);
}

async function words(...line: string[]): Promise<readonly string[]> {
  const planned = await plan(...line);
  return planned.kind === "words" ? planned.candidates.map((one) => one.value) : [planned.kind];
}

test("planCompletion() offers commands, group members and flags", async () => {
  expect(await words("imag")).toEqual(["image", "images"]);
  expect(await words("volume", "")).toEqual([
    ...["clone", "create", "export", "import", "inspect", "ls", "prune", "rename", "rm", "update"],
  ]);
  expect(await words("ps", "--f")).toEqual(["--filter", "--format"]);
  expect(await words("--con")).toEqual(["--config", "--context"]);
  expect(await words("-H", "tcp://x", "volume", "l")).toEqual(["ls"]);
  expect(await words("nonsense", "")).toEqual([]);
  expect(await words("image", "dial")).toEqual([]);
});

test("planCompletion() offers values of flags", async () => {
  expect(await words("volume", "create", "--scope", "")).toEqual(["multi", "single"]);
  expect(await words("volume", "create", "--scope=s")).toEqual(["--scope=single"]);
  expect(await words("load", "-i", "")).toEqual(["files"]);
  expect(await words("load", "-qi", "")).toEqual(["files"]);
  expect(await plan("-c", "")).toMatchObject({ kind: "names", source: "contexts" });
  expect(await words("ps", "--format", "")).toEqual([]);
});

test("planCompletion() offers names by position, without those that stand there", async () => {
  expect(await plan("rmi", "a", "")).toEqual({
    kind: "names",
    source: "images",
    prefix: "",
    taken: ["a"],
  });
  expect(await plan("context", "use", "")).toMatchObject({ source: "contexts" });
  expect(await words("context", "use", "a", "")).toEqual([]);
  expect(await plan("rmi", "--", "--f")).toMatchObject({ kind: "names" });
});

test("runCompletion() speaks cobra's protocol", async () => {
  await using engine = openFakeEngine({
    "GET /images/json": () =>
      Response.json([{ Id: "sha256:0123456789abcdef", RepoTags: ["bb:1", "web:2"] }]),
    "GET /containers/json": () =>
      Response.json([{ Names: ["/db"], Image: "pg:16", Status: "Up 2 hours" }]),
  });
  const complete = async (...line: string[]): Promise<string> => {
    const cli = new TestCli();
    await runCompletion(cli, line, globals, () => engine.client);
    return cli.output.text;
  };
  expect(await complete("rmi", "bb")).toBe("bb:1\t0123456789ab\n:4\n");
  expect(await complete("inspect", "")).toBe("db\tpg:16, Up 2 hours\n:4\n");
  expect(await complete("load", "-i", "x")).toBe(":0\n");
});
