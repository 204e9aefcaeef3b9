// Applications in the shape of well-known stacks: brought up by our compose and by docker's, used by their own
// clients, taken down with nothing left. A handful here, all of them in the long tests.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import { type CommandResult, runCommand } from "../../harness/command.ts";
import { DOCKER_COMPOSE } from "../../harness/compose/docker-compose.ts";
import { startEngine, type TestEngine, WHARF } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";
import { type RunningStack, type Stack, STACKS } from "../../stories/compose-stacks.ts";

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine({ images: ["busybox", "programs"] });
}, 120_000);
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
});

const isLong = process.env["WHARF_TEST_LONG"] !== undefined;
/** So many at once: few enough for a small machine. */
const LANES = 4;
const PATIENCE_MS = 60_000;

type Compose = (stack: Stack, ...args: readonly string[]) => Promise<CommandResult>;

const nameOf = (tool: string, { name }: Stack): string => `${tool}-${name}`;

/** @param command A tool for the stacks of `tool`, which may be another's. */
function composeOf(tool: string, command: readonly string[]): Compose {
  return async (stack, ...args) => {
    const files = (stack.files ?? []).flatMap((file) => ["-f", file]);
    const profiles = (stack.profiles ?? []).flatMap((profile) => ["--profile", profile]);
    return await runCommand(
      [...command, "-p", nameOf(tool, stack), ...files, ...profiles, ...args],
      {
        cwd: resolve("test/stacks", stack.name),
        env: { ...engine.environment(), ...stack.env },
        timeoutMs: 240_000,
      },
    );
  };
}

/** Looks at a stack that is up with the other tool. @throws That would change something. */
type CrossCheck = (stack: Stack) => Promise<void>;

/** @throws Where something is not as the stack says. */
async function prove(
  stack: Stack,
  tool: string,
  compose: Compose,
  crossCheck: CrossCheck,
): Promise<void> {
  const projectName = nameOf(tool, stack);
  const running: RunningStack = {
    projectName,
    docker: async (...args) => (await engine.docker([...args])).stdout.trim(),
  };
  const said = (what: string, { exitCode, stderr }: CommandResult): string =>
    `${stack.name}: ${what} exited with ${exitCode}\n${stderr}`;
  const up = await compose(stack, "up", "-d");
  try {
    if (up.exitCode !== 0) throw new Error(said("up", up));
    await checkAll(stack, running, compose);
    const again = await compose(stack, "up", "-d");
    if (again.exitCode !== 0) throw new Error(said("up again", again));
    const anew = again.stderr.split("\n").filter((line) => /Recreate|Creating/.test(line));
    if (anew.length > 0) throw new Error(`${stack.name}: up again made anew: ${anew.join("; ")}`);
    await crossCheck(stack);
  } finally {
    const down = await compose(stack, "down", "-v", "--remove-orphans");
    // its own fault is told; what is left is told below
    if (down.exitCode !== 0) console.error(said("down", down));
  }
  const label = `label=com.docker.compose.project=${projectName}`;
  const left = await Promise.all([
    running.docker("ps", "-aq", "--filter", label),
    running.docker("network", "ls", "-q", "--filter", label),
    running.docker("volume", "ls", "-q", "--filter", label),
  ]);
  if (left.some((each) => each !== "")) throw new Error(`${stack.name} left ${left.join(" ")}`);
}

async function checkAll(stack: Stack, running: RunningStack, compose: Compose): Promise<void> {
  const format = ["--format", '{{.Label "com.docker.compose.service"}} {{.State}}'];
  const label = `label=com.docker.compose.project=${running.projectName}`;
  const wanted = [...stack.states].toSorted();
  const states = async (): Promise<readonly string[]> =>
    (await running.docker("ps", "-a", ...format, "--filter", label)).split("\n").toSorted();
  if (wanted.length > 0) {
    await waitUntil(
      `${stack.name}: ${wanted.join(", ")}`,
      async () => Bun.deepEquals(await states(), wanted),
      PATIENCE_MS,
    ).catch(async (error: unknown) => {
      const logs = await compose(stack, "logs");
      throw new Error(`${String(error)}\nit is ${(await states()).join(", ")}\n${logs.stdout}`);
    });
  }
  for (const { what, ask, expected } of stack.checks) {
    let answer = "";
    await waitUntil(
      `${stack.name}: ${what}`,
      async () => expected.test((answer = await ask(running))),
      PATIENCE_MS,
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: want ${expected}, got ${answer}`);
    });
  }
}

/** Some at a time, each to its end; what failed is thrown together. */
async function proveAll(
  stacks: readonly Stack[],
  tool: string,
  compose: Compose,
  crossCheck: CrossCheck,
): Promise<void> {
  const waiting = [...stacks];
  const failures: string[] = [];
  const lane = async (): Promise<void> => {
    for (let stack = waiting.shift(); stack; stack = waiting.shift()) {
      try {
        await prove(stack, tool, compose, crossCheck);
      } catch (error) {
        failures.push(String(error));
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  expect(failures).toEqual([]);
}

const chosen = STACKS.filter(({ name, isUsual }) => {
  const only = process.env["WHARF_TEST_STACKS"]?.split(",");
  return only ? only.includes(name) : isLong || isUsual;
});

const OURS = [WHARF, "compose"];
const THEIRS = [DOCKER_COMPOSE ?? ""];

/** Our plan for what the other tool has brought up: what has ended may be started again, all else stays. */
async function planIsEmpty(stack: Stack): Promise<void> {
  const planned = await composeOf("docker", OURS)(stack, "plan", "--json");
  if (planned.exitCode !== 0) throw new Error(`${stack.name}: plan: ${planned.stderr}`);
  const { steps } = JSON.parse(planned.stdout) as {
    readonly steps: readonly { readonly action: string }[];
  };
  const changing = steps.filter(({ action }) => action !== "keep" && action !== "start");
  if (changing.length > 0) throw new Error(`${stack.name}: plan: ${JSON.stringify(changing)}`);
}

/** The other tool's `up` after ours. */
async function upMakesNothingAnew(stack: Stack): Promise<void> {
  const up = await composeOf("ours", THEIRS)(stack, "up", "-d");
  if (up.exitCode !== 0) throw new Error(`${stack.name}: docker compose up: ${up.stderr}`);
  const anew = up.stderr.split("\n").filter((line) => /Recreate|Creating/.test(line));
  if (anew.length > 0)
    throw new Error(`${stack.name}: docker compose made anew: ${anew.join("; ")}`);
}

describe(`${chosen.length} stacks`, () => {
  test("by wharf compose; docker compose then has nothing to make anew", async () => {
    const check = DOCKER_COMPOSE ? upMakesNothingAnew : async (): Promise<void> => {};
    await proveAll(chosen, "ours", composeOf("ours", OURS), check);
  }, 600_000);

  test.skipIf(!DOCKER_COMPOSE)(
    "by the unmodified docker compose; wharf compose then has nothing to change",
    async () => {
      await proveAll(chosen, "docker", composeOf("docker", THEIRS), planIsEmpty);
    },
    600_000,
  );
});
