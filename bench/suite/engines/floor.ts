import { join } from "node:path";
import { run, timed } from "../command.ts";
import { cgroupParentOf, folderAt, runFolderOf } from "../isolation.ts";
import type { Bench, RuntimeName, RuntimePrograms } from "../workload.ts";

/** The bare runtimes with the same root file system: nothing that runs containers is faster. */
export interface Floor {
  /** `crun run` of `true`, or that of another. @returns Milliseconds. @throws {Error} It is not there. */
  run(runtime: RuntimeName): Promise<number>;
  /** The same of `crun exec` of `true`, in a container that is made at the first call and ends with the benchmark. */
  exec(runtime: RuntimeName): Promise<number>;
}

/** A bundle of its own, and the runtime's words for it. */
interface Bundle {
  readonly folder: string;
  readonly id: string;
  /** The program, and what stands before its commands. */
  readonly program: readonly string[];
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
  const short = new Map<RuntimeName, Bundle>();
  const lasting = new Map<RuntimeName, Bundle>();
  for (const [name, program] of programs) {
    short.set(name, await makeBundle(bench, { name, program, rootfs, args: ["true"] }));
  }
  const stays = async (name: RuntimeName): Promise<Bundle> => {
    const there = lasting.get(name);
    if (there) return there;
    const program = programs.get(name);
    if (program === undefined) throw notInstalled(name);
    const args = ["sleep", "100000"];
    const made = await makeBundle(bench, { name: `${name}-exec`, program, rootfs, args });
    await startDetached([...made.program, "run", "--detach", "--bundle", made.folder, made.id]);
    lasting.set(name, made);
    return made;
  };
  return {
    run: async (name) => {
      const bundle = short.get(name);
      if (!bundle) throw notInstalled(name);
      const { program, folder, id } = bundle;
      return await timed(async () => await run([...program, "run", "--bundle", folder, id]));
    },
    exec: async (name) => {
      const { program, id } = await stays(name);
      return await timed(async () => await run([...program, "exec", id, "true"]));
    },
  };
}

function notInstalled(name: string): Error {
  return new Error(`${name} is not installed`);
}

/** Without pipes, which the container would hold open. */
async function startDetached(argv: readonly string[]): Promise<void> {
  const child = Bun.spawn([...argv], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  if ((await child.exited) !== 0) throw new Error(`${argv.join(" ")} failed`);
}

async function makeBundle(
  bench: Bench,
  {
    name,
    program,
    rootfs,
    args,
  }: {
    readonly name: string;
    readonly program: string;
    readonly rootfs: string;
    readonly args: readonly string[];
  },
): Promise<Bundle> {
  const bundle = folderAt(bench.folder, "floor", name);
  await run([program, "spec", "--bundle", bundle]);
  const file = Bun.file(join(bundle, "config.json"));
  const spec = (await file.json()) as RuntimeSpec;
  const own: RuntimeSpec = {
    ...spec,
    process: { ...spec.process, args, terminal: false },
    root: { path: rootfs },
    linux: { ...spec.linux, cgroupsPath: `/${cgroupParentOf(bench.folder)}/floor-${name}` },
  };
  await Bun.write(file, JSON.stringify(own));
  const state = folderAt(runFolderOf(bench.folder, `floor-${name}`));
  return { folder: bundle, id: `floor-${name}`, program: [program, "--root", state] };
}
