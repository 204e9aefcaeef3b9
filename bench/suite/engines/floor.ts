import { join } from "node:path";
import { run, timed } from "../command.ts";
import { cgroupParentOf, folderAt } from "../isolation.ts";
import type { Bench, RuntimeName, RuntimePrograms } from "../workload.ts";

/** The bare runtimes with the same root file system: nothing that runs containers is faster. */
export interface Floor {
  /** `crun run` of `true`, or that of another. @returns Milliseconds. @throws {Error} It is not there. */
  run(runtime: RuntimeName): Promise<number>;
}

interface RuntimeSpec {
  readonly process: { readonly args: readonly string[]; readonly terminal: boolean };
  readonly root: object;
  readonly linux: { readonly cgroupsPath?: string };
}

/** @param tar Of the root file system. */
export async function openFloor(
  bench: Bench,
  programs: RuntimePrograms,
  tar: string,
): Promise<Floor> {
  const rootfs = folderAt(bench.folder, "floor", "rootfs");
  await run(["tar", "-C", rootfs, "-xf", tar]);
  const commands = new Map<RuntimeName, readonly string[]>();
  for (const [name, program] of programs) {
    commands.set(name, await makeBundle(bench, { name, program, rootfs }));
  }
  return {
    run: async (name) => {
      const argv = commands.get(name);
      if (!argv) throw new Error(`${name} is not installed`);
      return await timed(async () => await run(argv));
    },
  };
}

/** @returns The command that runs it. */
async function makeBundle(
  bench: Bench,
  {
    name,
    program,
    rootfs,
  }: { readonly name: string; readonly program: string; readonly rootfs: string },
): Promise<readonly string[]> {
  const bundle = folderAt(bench.folder, "floor", name);
  await run([program, "spec", "--bundle", bundle]);
  const file = Bun.file(join(bundle, "config.json"));
  const spec = (await file.json()) as RuntimeSpec;
  const own: RuntimeSpec = {
    ...spec,
    process: { ...spec.process, args: ["true"], terminal: false },
    root: { path: rootfs },
    linux: { ...spec.linux, cgroupsPath: `/${cgroupParentOf(bench.folder)}/floor-${name}` },
  };
  await Bun.write(file, JSON.stringify(own));
  const state = folderAt(bundle, "state");
  return [program, "--root", state, "run", "--bundle", bundle, `floor-${name}`];
}
