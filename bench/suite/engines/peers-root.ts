import { basename, join } from "node:path";
import { run } from "../command.ts";
import { folderAt } from "../isolation.ts";
import type { Bench } from "../workload.ts";

/** The root that docker and podman live in, mounted for this run alone. */
export interface PeersRoot {
  /** The argv that runs a program inside. */
  argv(words: readonly string[]): string[];
  /** Path of the runtime, inside and outside: all engines run this very file. */
  readonly runtime: string;
}

const MOUNT = `set -e
root=$1 folder=$2 configuration=$3
mount --bind "$root" "$root"
for dir in proc sys dev; do mount --rbind /$dir "$root/$dir"; done
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/etc/containers" "$root$folder"
mount --bind "$configuration" "$root/etc/containers"
mount --bind "$folder" "$root$folder"`;

/** Mounts what all of them need; the mounts are in this run's own namespace. */
export async function openPeersRoot(bench: Pick<Bench, "folder" | "runtime">): Promise<PeersRoot> {
  const root = await run(["bash", "bench/peers.sh", "make"]);
  const configuration = folderAt(bench.folder, "containers");
  await run(["bash", "-c", MOUNT, "peers", root, bench.folder, configuration]);
  const argv = (words: readonly string[]) => ["chroot", root, ...words];
  return { argv, runtime: await copyRuntime(bench, root, argv) };
}

/**
 * The root's runtime, which docker and podman need to be new enough, as a program that runs outside too: it brings its
 * libraries and its loader along.
 *
 * @returns A path that is the same inside and outside.
 */
async function copyRuntime(
  bench: Pick<Bench, "folder" | "runtime">,
  root: string,
  argv: PeersRoot["argv"],
): Promise<string> {
  const folder = folderAt(bench.folder, "runtime");
  const program = await run(argv(["which", bench.runtime]));
  const needed = await run(argv(["ldd", program]));
  const paths = [...needed.matchAll(/(?:=> )?(\/\S+) \(/g)].flatMap(([, path]) => path ?? []);
  const loader = paths.find((path) => basename(path).startsWith("ld-"));
  if (loader === undefined) throw new Error(`${program} names no loader: ${needed}`);
  await run(["cp", "-L", ...[program, ...paths].map((path) => join(root, path)), folder]);
  const copy = join(folder, bench.runtime);
  const find = ["--set-interpreter", join(folder, basename(loader)), "--set-rpath", folder];
  await run(argv(["patchelf", ...find, copy]));
  await run([copy, "--version"]);
  return copy;
}
