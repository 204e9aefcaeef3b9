import { expect, test } from "bun:test";
import { dirname, resolve } from "node:path";

// What a module of Bun's own costs at the start of a process, in ms of CPU beside the 7 that everything else takes:
// node:fs 2, node:events 2, node:os 1.5, node:path 0.5, and node:tty, node:stream, node:net, node:child_process more.
const cheapModules: readonly string[] = ["bun:ffi"];

const source = resolve(import.meta.dir, "..");
const everyCommand: readonly string[] = [`${source}/main.ts`, `${source}/cli/main.ts`];

/** Commands that are run many times in a row by scripts and tests. */
const hotCommands: readonly string[] = [
  "version",
  "inspect",
  "container/create",
  "container/exec",
  "container/inspect",
  "container/kill",
  "container/logs",
  "container/ls",
  "container/port",
  "container/restart",
  "container/rm",
  "container/run",
  "container/start",
  "container/stop",
  "container/wait",
  "image/inspect",
  "image/ls",
  "network/create",
  "network/rm",
  "volume/create",
  "volume/rm",
];

const transpiler = new Bun.Transpiler({ loader: "ts" });

/** What a file loads before its first line runs: paths of ours, names of all other modules. */
async function loadedBy(file: string): Promise<readonly string[]> {
  const imports = transpiler.scanImports(await Bun.file(file).text());
  return imports
    .filter(({ kind }) => kind !== "dynamic-import")
    .map(({ path }) => {
      if (path.startsWith("#")) return `${source}/${path.slice(1)}`;
      return path.startsWith(".") ? resolve(dirname(file), path) : path;
    });
}

/** Chains of imports, from an entry to a module that is not ours and not cheap. */
async function costlyChains(entries: readonly string[]): Promise<readonly string[]> {
  const chains = new Map<string, string>(entries.map((entry) => [entry, ""]));
  for (const [file, chain] of chains) {
    if (!file.startsWith("/")) continue; // of Bun's own
    const next = `${chain}${file.slice(source.length + 1)} -> `;
    for (const loaded of await loadedBy(file)) if (!chains.has(loaded)) chains.set(loaded, next);
  }
  return [...chains]
    .filter(([module]) => !module.startsWith("/") && !cheapModules.includes(module))
    .map(([module, chain]) => `${chain}${module}`);
}

test("the module graph is seen: cp loads node:fs", async () => {
  const chains = await costlyChains([`${source}/cli/container/cp.ts`]);
  expect(chains.some((chain) => chain.startsWith("cli/container/cp.ts -> "))).toBe(true);
});

test("wharf --version loads nothing that costs", async () => {
  expect(await costlyChains([`${source}/main.ts`])).toEqual([]);
});

for (const command of hotCommands) {
  test(`wharf ${command} loads nothing that costs`, async () => {
    const entries = [...everyCommand, `${source}/cli/${command}.ts`];
    expect(await costlyChains(entries)).toEqual([]);
  });
}
