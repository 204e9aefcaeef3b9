// Parts of a project that no engine carries out: services of a provider's program, models by Docker's plugin, and the
// engine's own socket in a container. docker compose finds nothing to do afterwards.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandResult } from "../../harness/command.ts";
import { runCommand } from "../../harness/command.ts";
import { ComposeProjects } from "../../harness/compose/compose-project.ts";
import { DOCKER_COMPOSE } from "../../harness/compose/docker-compose.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";

let engine: TestEngine;
let projects: ComposeProjects;
let config: string;
let bin: string;
let log: string;
beforeAll(async () => {
  engine = await startEngine();
  projects = new ComposeProjects(engine);
  config = join(projects.folder, ".docker");
  bin = join(projects.folder, ".bin");
  log = join(projects.folder, ".log");
  mkdirSync(join(config, "cli-plugins"), { recursive: true });
  mkdirSync(bin);
  writeFileSync(
    join(config, "config.json"),
    '{"auths":{"reg.example:5000":{"auth":"dTpw"}},"HttpHeaders":{"X-Private":"1"}}',
  );
});
afterAll(async () => {
  projects[Symbol.dispose]();
  await engine[Symbol.asyncDispose]();
});
beforeEach(() => {
  writeFileSync(log, "");
  program(join(bin, "cloud"), CLOUD);
});
afterEach(() => projects.takeAllDown());

function program(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

const calls = (): readonly string[] => readFileSync(log, "utf8").split("\n").slice(0, -1);

/** Says what the test has it say, besides a variable with what was asked for. */
const CLOUD = `#!/bin/sh
[ "$2" = metadata ] || echo "$*" >> "$CALLS"
case $2 in metadata) [ -n "$METADATA" ] || exit 1; echo "$METADATA"; exit 0 ;; esac
echo '{"type":"info","message":"half way"}'
echo '{"type":"debug","message":"unseen"}'
echo "{\\"type\\":\\"setenv\\",\\"message\\":\\"URL=\${URL:-http://cloud/?a=b}\\"}"
[ -z "$SAY" ] || echo "$SAY"
echo "the last word" >&2
exit \${CODE:-0}
`;

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const PATH = `${bin}:${process.env["PATH"] ?? ""}`;
  return { DOCKER_CONFIG: config, PATH, CALLS: log, ...more };
}

async function compose(
  path: string,
  words: string,
  more: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  return await projects.run(path, words.split(" "), environment(more));
}

async function must(path: string, words: string, more: Record<string, string> = {}) {
  const result = await compose(path, words, more);
  expect([words, result.exitCode, result.exitCode === 0 ? "" : result.stderr]).toEqual([
    words,
    0,
    "",
  ]);
  return result;
}

/** What docker compose would do now, line by line. */
async function docker(path: string, ...args: readonly string[]): Promise<readonly string[]> {
  const { stderr, exitCode } = await runCommand(
    [DOCKER_COMPOSE ?? "", "--project-directory", path, "-f", `${path}/compose.yaml`, ...args],
    { env: { ...engine.environment(), ...environment() } },
  );
  expect(exitCode).toBe(0);
  return stderr.split("\n").map((line) => line.trim());
}

const envOf = async (path: string, service: string): Promise<readonly string[]> => {
  const { stdout } = await must(path, `exec -T ${service} env`);
  return stdout.split("\n");
};

const web = (more = "") => `  web:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
${more}`;

const PROVIDED = `services:
${web("    depends_on: [my-db]\n    environment: {OWN: file}\n")}  my-db:
    provider:
      type: cloud
      options: {size: 256, name: [a, b c], quick: true}
`;

describe("a service that a program provides", () => {
  const UP = "compose --project-name=provided up --size=256 --name=a --name=b c --quick=true my-db";

  test("is brought up before who depends on it, which gets its variables; down takes it away", async () => {
    const path = projects.make("provided", { "compose.yaml": PROVIDED });
    const before = await projects.state();
    const planned = await must(path, "plan");
    expect(planned.stdout).toContain("provider my-db  run: cloud is told to bring it up");
    await must(path, "up -d --dry-run");
    expect([calls(), await projects.state()]).toEqual([[], before]);
    const { stderr } = await must(path, "up -d");
    expect(stderr).toMatch(
      /my-db Creating[^]*my-db half way[^]*my-db Created[^]*web-1 {2}Creating/,
    );
    expect(stderr).not.toContain("unseen");
    expect(calls()).toEqual([UP]);
    expect(await envOf(path, "web")).toContain("MY-DB_URL=http://cloud/?a=b");
    expect((await must(path, "ps -a --format {{.Service}}")).stdout).toBe("web\n");
    // nothing has changed, and plan knows that without asking
    expect((await compose(path, "plan --exit-code")).exitCode).toBe(0);
    expect(calls()).toEqual([UP]);
    const again = await must(path, "up -d");
    expect(again.stderr).toContain("Container provided-web-1  Running");
    const alone = await must(path, "up -d --no-deps web");
    expect(alone.stderr).toContain("Container provided-web-1  Running");
    const once = await must(path, "run --rm -T web env");
    expect(once.stdout.split("\n")).toContain("MY-DB_URL=http://cloud/?a=b");
    expect(calls()).toEqual([UP, UP, UP]);
    // what it says otherwise makes the container anew
    await must(path, "up -d", { URL: "http://other" });
    expect(await envOf(path, "web")).toContain("MY-DB_URL=http://other");
    await must(path, "down");
    expect(calls().at(-1)).toBe(UP.replace(" up ", " down "));
    expect(await projects.state()).toEqual(before);
  });

  test.skipIf(!DOCKER_COMPOSE)("is the same to docker compose", async () => {
    const path = projects.make("provided", { "compose.yaml": PROVIDED });
    await must(path, "up -d");
    expect(await docker(path, "up", "-d")).toContain("Container provided-web-1  Running");
    await docker(path, "down");
    await docker(path, "up", "-d");
    expect((await must(path, "up -d")).stderr).toContain("Container provided-web-1  Running");
  });

  test("metadata says which options a verb has, and which it needs", async () => {
    const path = projects.make("provided", { "compose.yaml": PROVIDED });
    const before = await projects.state();
    const parameters = (name: string) => ({ parameters: [{ name, required: true }] });
    const needing = (up: string, down: string) => ({
      METADATA: JSON.stringify({ up: parameters(up), down: parameters(down) }),
    });
    const { exitCode, stderr } = await compose(path, "up -d", needing("zone", "size"));
    expect([exitCode, stderr]).toEqual([
      1,
      `${path}/compose.yaml:10:5: services.my-db.provider: required parameter "zone" is missing from provider "cloud" definition\n`,
    ]);
    expect([calls(), await projects.state()]).toEqual([[], before]);
    await must(path, "up -d", needing("size", "name"));
    await must(path, "down", needing("size", "name"));
    expect(calls()).toEqual([
      "compose --project-name=provided up --size=256 my-db",
      "compose --project-name=provided down --name=a --name=b c my-db",
    ]);
  });

  test.each([
    ["an error of its own", { SAY: '{"type":"error","message":"no money"}' }, "no money"],
    ["no message", { SAY: "hello" }, "invalid response from plugin: hello"],
    ["an unknown message", { SAY: '{"type":"boast"}' }, 'invalid response from plugin: {"type'],
    ["a bad end", { CODE: "3" }, "failed to create service provider: exit status 3: the last word"],
  ])("%s stops up before anything of it is made; up again completes", async (_kind, env, said) => {
    const path = projects.make("provided", { "compose.yaml": PROVIDED });
    const { exitCode, stderr } = await compose(path, "up -d", env);
    expect(exitCode).toBe(1);
    expect(stderr.trimEnd().split("\n").at(-1)).toStartWith(`services.my-db: ${said}`);
    expect((await must(path, "ps -aq")).stdout).toBe("");
    await must(path, "up -d");
  });

  test("one whose program is not there, and one whose container is asked for, are refused", async () => {
    const path = projects.make("provided", { "compose.yaml": PROVIDED });
    const before = await projects.state();
    const run = await compose(path, "run my-db sh");
    expect([run.exitCode, run.stderr]).toEqual([
      1,
      "services.my-db has a provider: no container of it can be run\n",
    ]);
    rmSync(join(bin, "cloud"));
    for (const words of ["up -d", "create", "plan", "run web true", "down"]) {
      const { exitCode, stderr } = await compose(path, words);
      expect([words, exitCode, stderr]).toEqual([
        words,
        1,
        `${path}/compose.yaml:11:7: services.my-db.provider.type: there is neither a Docker CLI plugin docker-cloud nor a program cloud in $PATH\n`,
      ]);
    }
    expect(await projects.state()).toEqual(before);
    // as a plugin it is found, too
    program(join(config, "cli-plugins/docker-cloud"), CLOUD);
    await must(path, "up -d");
    rmSync(join(config, "cli-plugins/docker-cloud"));
  });
});

describe("models", () => {
  const MODELS = `services:
${web("    models: [my-llm]\n")}  api:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    models:
      my-llm: {endpoint_var: ENDPOINT, model_var: NAME}
      other:
models:
  my-llm: {model: ai/thing, context_size: 1024, runtime_flags: [--a, b c]}
  other: {model: ai/there}
  unused: {model: ai/unused}
`;
  const PLUGIN = `#!/bin/sh
case $1 in
docker-cli-plugin-metadata) echo '{"SchemaVersion":"0.1.0","Vendor":"t","Version":"v1.0.7"}' ;;
status) echo '{"endpoint":"http://runner/v1/"}' ;;
ls) echo '[{"id":"x","tags":["ai/there","ai/there:latest"]}]' ;;
*) echo "$*" >> "$CALLS"; [ "$1$FAILS" != pull1 ] || { echo "no such model" >&2; exit 1; } ;;
esac
`;
  const plugin = (): string => join(config, "cli-plugins/docker-model");

  test("are pulled and configured by Docker's plugin; services know them by variables", async () => {
    program(plugin(), PLUGIN);
    const path = projects.make("models", { "compose.yaml": MODELS });
    expect((await must(path, "plan")).stdout).toContain("model ai/thing  pull: it is not there");
    expect(calls()).toEqual([]);
    await must(path, "up -d");
    expect(calls().toSorted()).toEqual([
      "configure --context-size 1024 ai/thing -- --a b c",
      "configure ai/there",
      "pull ai/thing",
    ]);
    const [ofWeb, ofApi] = await Promise.all([envOf(path, "web"), envOf(path, "api")]);
    expect(ofWeb).toContain("MY_LLM_MODEL=ai/thing");
    expect(ofWeb).toContain("MY_LLM_URL=http://runner/v1/");
    for (const each of ["NAME=ai/thing", "ENDPOINT=http://runner/v1/", "OTHER_MODEL=ai/there"]) {
      expect(ofApi).toContain(each);
    }
    if (DOCKER_COMPOSE) {
      const said = await docker(path, "up", "-d");
      for (const name of ["web", "api"])
        expect(said).toContain(`Container models-${name}-1  Running`);
    }
    expect((await must(path, "up -d")).stderr).toContain("Container models-api-1  Running");
  });

  test("one that cannot be had stops up; without the plugin they are refused at their place", async () => {
    program(plugin(), PLUGIN);
    const path = projects.make("models", { "compose.yaml": MODELS });
    const failed = await compose(path, "up -d", { FAILS: "1" });
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain("docker-model pull ai/thing: exit status 1: no such model");
    rmSync(plugin());
    await projects.takeAllDown();
    const before = await projects.state();
    const { exitCode, stderr } = await compose(path, "up -d");
    expect(exitCode).toBe(1);
    expect(stderr).toStartWith(
      `${path}/compose.yaml:17:3: models.my-llm: 'models' support requires Docker Model plugin: docker-model is in none of ${config}/cli-plugins, `,
    );
    expect(await projects.state()).toEqual(before);
    await must(path, "down");
  });
});

test("use_api_socket gives a container the engine that runs it, and who the user is to registries", async () => {
  const file = `services:
${web("    use_api_socket: true\n")}  own:
    image: busybox
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    use_api_socket: true
    environment: {DOCKER_CONFIG: /elsewhere}
  plain: {image: busybox, command: sleep 1000, init: true, stop_grace_period: 1s}
`;
  const path = projects.make("socket", { "compose.yaml": file });
  await must(path, "up -d");
  const { stdout } = await must(path, "exec -T web stat -c %i /var/run/docker.sock");
  expect(Number(stdout)).toBe(statSync(engine.socket).ino);
  const read = await must(path, "exec -T web cat /run/secrets/docker/config.json");
  expect(JSON.parse(read.stdout)).toEqual({ auths: { "reg.example:5000": { auth: "dTpw" } } });
  expect(await envOf(path, "web")).toContain("DOCKER_CONFIG=/run/secrets/docker");
  expect(await envOf(path, "own")).toContain("DOCKER_CONFIG=/elsewhere");
  expect((await compose(path, "exec -T plain test -e /var/run/docker.sock")).exitCode).toBe(1);
  expect((await must(path, "run --rm -T own ls /run/secrets/docker")).stdout).toBe("config.json\n");
  expect((await compose(path, "plan --exit-code")).exitCode).toBe(0);
  if (!DOCKER_COMPOSE) return;
  const said = await docker(path, "up", "-d");
  for (const name of ["web", "own", "plain"]) {
    expect(said).toContain(`Container socket-${name}-1  Running`);
  }
});
