// What is read from a file, and the hash by which a container is known to be as the file says, are docker compose's for
// all stacks: either tool goes on with what the other has started. No engine is asked.
import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { mustRun } from "../../harness/command.ts";
import { DOCKER_COMPOSE } from "../../harness/compose/docker-compose.ts";
import { WHARF } from "../../harness/engine.ts";
import { type Stack, STACKS } from "../../stories/compose-stacks.ts";

const NO_ENGINE = "unix:///nowhere/no-engine.sock";

async function config(tool: readonly string[], stack: Stack, ...args: string[]): Promise<string> {
  const files = (stack.files ?? []).flatMap((file) => ["-f", file]);
  const profiles = (stack.profiles ?? []).flatMap((profile) => ["--profile", profile]);
  const argv = [...tool, "-p", stack.name, ...files, ...profiles, "config", ...args];
  const { stdout } = await mustRun(argv, {
    cwd: resolve("test/stacks", stack.name),
    env: { ...stack.env, DOCKER_HOST: NO_ENGINE, WHARF_AUTOSTART: "0" },
  });
  return stdout;
}

const OURS = [WHARF, "compose"];
const THEIRS = [DOCKER_COMPOSE ?? ""];

test.skipIf(!DOCKER_COMPOSE).each(STACKS.map((stack) => [stack.name, stack] as const))(
  "%s has docker compose's hashes and configuration",
  async (_name, stack) => {
    const hash = async (tool: readonly string[]): Promise<readonly string[]> =>
      (await config(tool, stack, "--hash", "*")).trim().split("\n").toSorted();
    const [ours, theirs] = await Promise.all([hash(OURS), hash(THEIRS)]);
    expect(theirs.length).toBeGreaterThan(0);
    expect(ours).toEqual(theirs);
    const tree = async (tool: readonly string[]): Promise<unknown> =>
      JSON.parse(await config(tool, stack, "--format", "json"));
    expect(await tree(OURS)).toEqual(await tree(THEIRS));
  },
  60_000,
);
