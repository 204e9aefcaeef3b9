import { join } from "node:path";
import { run, timed } from "../command.ts";
import { cgroupParentOf, folderAt } from "../isolation.ts";
import type { Bench } from "../workload.ts";

/** The bare runtime with the same root file system: nothing that runs containers is faster. */
export interface Floor {
  /** `crun run` of `true`. @returns Milliseconds. */
  run(): Promise<number>;
}

interface RuntimeSpec {
  readonly process: { readonly args: readonly string[]; readonly terminal: boolean };
  readonly root: object;
  readonly linux: { readonly cgroupsPath?: string };
}

/** @param tar Of the root file system. */
export async function openFloor(bench: Bench, runtime: string, tar: string): Promise<Floor> {
  const bundle = folderAt(bench.folder, "floor");
  const rootfs = folderAt(bundle, "rootfs");
  await run(["tar", "-C", rootfs, "-xf", tar]);
  await run([runtime, "spec", "--bundle", bundle]);
  const file = Bun.file(join(bundle, "config.json"));
  const spec = (await file.json()) as RuntimeSpec;
  const own: RuntimeSpec = {
    ...spec,
    process: { ...spec.process, args: ["true"], terminal: false },
    root: { path: rootfs },
    linux: { ...spec.linux, cgroupsPath: `/${cgroupParentOf(bench.folder)}/floor` },
  };
  await Bun.write(file, JSON.stringify(own));
  const state = folderAt(bundle, "state");
  const argv = [runtime, "--root", state, "run", "--bundle", bundle, "floor"];
  return { run: async () => await timed(async () => await run(argv)) };
}
