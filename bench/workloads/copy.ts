import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runToNowhere, timed } from "../suite/command.ts";
import type { Contender } from "../suite/contender.ts";
import type { Bench, Family, Workload } from "../suite/workload.ts";
import { fewRuns, NO_SLOWER, oneCommand, removeContainers, SLEEP } from "./shared.ts";

const NAME = "bench-copy";
const LARGE_BYTES = 200_000_000;
const SMALL_FILES = 2_000;
const SMALL_BYTES = 3_000;

/** Files into and out of a container that runs, of one large file and of many small ones; 200 MB through stdin. */
export function copyFamily(bench: Bench): Family {
  const folder = join(bench.folder, "copy");
  const [large, small] = [join(folder, "large"), join(folder, "small")];
  const ready = async (contender: Contender): Promise<void> => {
    makeFiles(large, small);
    const names = await contender.cli(["ps", "--format", "{{.Names}}"]);
    if (names.split("\n").includes(NAME)) return;
    await contender.cli(["run", "-d", "--name", NAME, ...SLEEP]);
    for (const source of [large, small]) await contender.cli(["cp", source, `${NAME}:/tmp/`]);
  };
  const copy = (name: string, words: readonly string[], isWithGoal = true): Workload => ({
    ...oneCommand(name, words),
    ...fewRuns(bench, 15),
    prepare: ready,
    after: async () => rmSync(join(folder, "out"), { recursive: true, force: true }),
    ...(isWithGoal ? { goals: NO_SLOWER } : {}),
  });
  const out = join(folder, "out");
  return {
    name: "copy",
    workloads: [
      copy("cp 200 MB in", ["cp", large, `${NAME}:/tmp/`]),
      copy("cp 200 MB out", ["cp", `${NAME}:/tmp/large`, out]),
      copy("cp 2000 files in", ["cp", small, `${NAME}:/tmp/`]),
      copy("cp 2000 files out", ["cp", `${NAME}:/tmp/small`, out]),
      copy("diff", ["diff", NAME], false),
      copy("export", ["export", "-o", out, NAME], false),
      {
        name: "attach with 200 MB through stdin",
        unit: "ms",
        ...fewRuns(bench, 5),
        goals: NO_SLOWER,
        prepare: async () => makeFiles(large, small),
        before: async ({ cli }) =>
          await cli(["create", "-i", "--name", "bench-attach", "busybox", "wc", "-c"]),
        run: async ({ argv }) =>
          await timed(async () => {
            const words = argv(["start", "-ai", "bench-attach"]);
            await runToNowhere(words, { input: Bun.file(large) });
          }),
        after: async (contender) => await removeContainers(contender, "bench-attach"),
      },
    ],
    clean: async (contender) => await removeContainers(contender, NAME),
  };
}

/** Random bytes: nothing on the way is to find it easy. */
function makeFiles(large: string, small: string): void {
  if (existsSync(large)) return;
  mkdirSync(small, { recursive: true });
  writeFileSync(large, new Uint8Array(randomBytes(LARGE_BYTES)));
  for (let index = 0; index < SMALL_FILES; index += 1) {
    writeFileSync(join(small, String(index)), new Uint8Array(randomBytes(SMALL_BYTES)));
  }
}
