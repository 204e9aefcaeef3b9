import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import type { Environment } from "#cli/command/globals.ts";
import { runCli } from "./main.ts";
import { BrokenPipeError } from "./output/streams.ts";
import { BufferOutput, NO_PROGRAMS, TestCli, openFakeEngine } from "./testing/test-cli.ts";

interface Outcome {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

async function run(words: readonly string[], env: Environment = {}): Promise<Outcome> {
  const { input, output, errors } = new TestCli();
  const settings = { env: { HOME: "/nonexistent", ...env }, streams: { input, output, errors } };
  const code = await runCli(words, NO_PROGRAMS, settings);
  return { code, output: output.text, errors: errors.text };
}

test("runCli() answers a bad flag with docker's frame, the nearest flag and 125", async () => {
  expect(await run(["ps", "--al"])).toEqual({
    code: 125,
    output: "",
    errors:
      "unknown flag: --al\nDid you mean --all?\n\nUsage:  wharf ps [OPTIONS]\n\nRun 'wharf ps --help' for more information\n",
  });
  expect(await run(["container", "ls", "-n", "x"])).toMatchObject({
    code: 125,
    errors: expect.stringContaining(
      "Usage:  wharf container ls [OPTIONS]\n\nRun 'wharf container ls --help'",
    ),
  });
  expect(await run(["--nonsense", "ps"])).toMatchObject({
    code: 125,
    errors: expect.stringContaining(
      "unknown flag: --nonsense\n\nUsage:  wharf [OPTIONS] COMMAND [ARG...]\n",
    ),
  });
});

test("runCli() names the nearest command and exits 1", async () => {
  expect(await run(["pss"])).toMatchObject({
    code: 1,
    errors:
      "wharf: unknown command: wharf pss\nDid you mean 'wharf ps'?\n\nRun 'wharf --help' for more information\n",
  });
  expect(await run(["image", "lss"])).toMatchObject({
    code: 1,
    errors:
      "wharf: unknown command: wharf image lss\nDid you mean 'wharf image ls'?\n\nUsage:  wharf image COMMAND\n\nRun 'wharf image --help' for more information\n",
  });
});

test("runCli() says which commands are yet to come", async () => {
  expect(await run(["swarm", "init", "--force"])).toEqual({
    code: 1,
    output: "",
    errors: "wharf: 'wharf swarm init' is not in this version yet\n",
  });
});

test("runCli() counts arguments as docker does", async () => {
  const counts: readonly (readonly [readonly string[], string])[] = [
    [
      ["ps", "x"],
      "wharf: 'wharf ps' accepts no arguments\n\nUsage:  wharf ps [OPTIONS]\n\nRun 'wharf ps --help' for more information\n",
    ],
    [["tag", "x"], "wharf: 'wharf tag' requires 2 arguments\n"],
    [
      ["rmi"],
      "wharf: 'wharf rmi' requires at least 1 argument\n\nUsage:  wharf rmi [OPTIONS] IMAGE [IMAGE...]\n\nSee 'wharf rmi --help' for more information\n",
    ],
    [["volume", "create", "a", "b"], "wharf: 'wharf volume create' requires at most 1 argument\n"],
  ];
  for (const [words, message] of counts) {
    const { code, errors } = await run(words);
    expect(code).toBe(1);
    expect(errors).toStartWith(message);
  }
});

test("runCli() prints help where it was asked for on stdout, else on stderr", async () => {
  expect((await run(["--help"])).output).toStartWith("Usage:  wharf [OPTIONS] COMMAND\n");
  expect((await run([])).errors).toStartWith("Usage:  wharf [OPTIONS] COMMAND\n");
  expect((await run(["help", "ps"])).output).toStartWith("Usage:  wharf ps [OPTIONS]\n");
  expect((await run(["rmi", "--help"])).output).toStartWith("Usage:  wharf rmi [OPTIONS] IMAGE");
  expect((await run(["volume"])).errors).toStartWith("Usage:  wharf volume COMMAND\n");
  expect((await run(["volume", "--help"])).output).toStartWith("Usage:  wharf volume COMMAND\n");
  expect(await run(["-v"])).toMatchObject({ output: "Wharf version 0.1.0, build dev\n", code: 0 });
});

test("runCli() finds the engine by flag, variable and context", async () => {
  await using engine = openFakeEngine({ "GET /containers/json": () => Response.json([]) });
  const address = engine.client.endpoint.text;
  const header = "CONTAINER ID   IMAGE     COMMAND   CREATED   STATUS    PORTS     NAMES\n";
  expect((await run(["-H", address, "ps"])).output).toBe(header);
  expect((await run(["ps"], { DOCKER_HOST: address })).output).toBe(header);
  const config = mkdtempSync(`${tmpdir()}/wharf-cli-`);
  const env = { DOCKER_CONFIG: config };
  await run(["context", "create", "far", "--docker", `host=${address}`], env);
  expect((await run(["--context", "far", "ps"], env)).output).toBe(header);
  expect((await run(["ps"], { ...env, DOCKER_CONTEXT: "far" })).output).toBe(header);
  await run(["context", "use", "far"], env);
  expect((await run(["ps"], env)).output).toBe(header);
  expect(await run(["-H", address, "-c", "far", "ps"], env)).toMatchObject({
    code: 1,
    errors: "conflicting options: cannot specify both --host and --context\n",
  });
  rmSync(config, { recursive: true });
});

test("runCli() says what to do when nobody listens", async () => {
  const { code, errors } = await run(["-H", "unix:///nonexistent.sock", "ps"]);
  expect(code).toBe(1);
  expect(errors).toContain("failed to connect to the docker API at unix:///nonexistent.sock");
  expect(errors).toContain("Start an engine with 'wharf daemon'");
});

test("runCli() pins the API version by DOCKER_API_VERSION", async () => {
  const paths: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      paths.push(new URL(request.url).pathname);
      return Response.json([]);
    },
  });
  const env = { DOCKER_HOST: `tcp://127.0.0.1:${server.port}`, DOCKER_API_VERSION: "1.41" };
  await run(["ps"], env);
  await server.stop(true);
  expect(paths).toEqual(["/v1.41/containers/json"]);
});

test("runCli() refuses a flag that the engine is too old for", async () => {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => new Response("", { headers: { "Api-Version": "1.41" } }),
  });
  const env = { DOCKER_HOST: `tcp://127.0.0.1:${server.port}` };
  const { code, errors } = await run(["history", "--platform", "linux/amd64", "x"], env);
  await server.stop(true);
  expect(code).toBe(1);
  expect(errors).toBe(
    '"--platform" requires API version 1.48, but the Docker daemon API version is 1.41\n',
  );
});

test("runCli() shows with --debug where a failure comes from", async () => {
  const { errors } = await run(["-D", "-H", "unix:///nonexistent.sock", "ps"]);
  expect(errors).toContain("EngineUnreachableError: failed to connect");
  expect(errors).toContain("Caused by: ");
});

test("runCli() warns about a broken configuration and goes on", async () => {
  const config = mkdtempSync(`${tmpdir()}/wharf-cli-`);
  writeFileSync(`${config}/config.json`, "{");
  const { code, errors, output } = await run(["--config", config, "context", "show"]);
  rmSync(config, { recursive: true });
  expect([code, output]).toEqual([0, "default\n"]);
  expect(errors).toStartWith(`WARNING: Error parsing config file (${config}/config.json)`);
});

test("runCli() ends quietly, as by SIGPIPE, when its reader has gone", async () => {
  class ClosedOutput extends BufferOutput {
    override write(): void {
      throw new BrokenPipeError("output is closed");
    }
  }
  const { input, errors } = new TestCli();
  const streams = { input, output: new ClosedOutput(), errors };
  expect(await runCli(["--help"], NO_PROGRAMS, { env: {}, streams })).toBe(141);
  expect(errors.text).toBe("");
});
