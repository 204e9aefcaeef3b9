import { basename, join } from "node:path";
import { run } from "../command.ts";
import { folderAt } from "../isolation.ts";
import { type Bench, type RuntimeName, type RuntimePrograms, RUNTIMES } from "../workload.ts";

/** The root that docker and podman live in, mounted for this run alone. */
export interface PeersRoot {
  /** The argv that runs a program inside. */
  argv(words: readonly string[]): string[];
  /** Paths of the runtimes, inside and outside: all engines run these very files. */
  readonly runtimes: RuntimePrograms;
}

/**
 * Becomes the root of a mount namespace: under a mere chroot, an exec would find itself at the host's root, because the
 * namespace of a container that was made there still begins at it.
 */
const ENTER = `set -e
root=$1 folder=$2 configuration=$3
mount --bind "$root" "$root"
for dir in proc sys dev; do mount --rbind /$dir "$root/$dir"; done
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/etc/containers" "$root$folder" "$root/run/host"
mount --bind "$configuration" "$root/etc/containers"
mount --bind "$folder" "$root$folder"
cd "$root"
pivot_root . run/host
exec chroot . sh -c 'umount -l /run/host && echo && exec sleep infinity'`;

/** Makes it, in a mount namespace that lasts until it is disposed. */
export async function openPeersRoot(bench: Bench): Promise<PeersRoot & AsyncDisposable> {
  const root = await run(["bash", "bench/peers.sh", "make"]);
  const configuration = folderAt(bench.folder, "containers");
  const unshare = ["unshare", "--mount", "--propagation", "private"];
  const holder = Bun.spawn(
    [...unshare, "bash", "-c", ENTER, "peers", root, bench.folder, configuration],
    { stdin: "ignore", stdout: "pipe", stderr: "inherit" },
  );
  for await (const _ready of holder.stdout) break;
  const enter = ["nsenter", "-t", String(holder.pid), "--mount", "--"];
  const argv = (words: readonly string[]) => [...enter, ...words];
  const runtimes = new Map<RuntimeName, string>();
  for (const name of RUNTIMES) runtimes.set(name, await copyRuntime(bench, name, { root, argv }));
  return {
    argv,
    runtimes,
    [Symbol.asyncDispose]: async () => {
      holder.kill("SIGKILL");
      await holder.exited;
    },
  };
}

/**
 * The root's runtime, which docker and podman need to be new enough, as a program that runs outside too: it brings its
 * libraries and its loader along.
 *
 * @returns A path that is the same inside and outside.
 */
async function copyRuntime(
  bench: Bench,
  name: RuntimeName,
  { root, argv }: { readonly root: string; readonly argv: PeersRoot["argv"] },
): Promise<string> {
  const folder = folderAt(bench.folder, "runtimes", name);
  const program = await run(argv(["which", name]));
  const needed = await run(argv(["ldd", program]));
  const paths = [...needed.matchAll(/(?:=> )?(\/\S+) \(/g)].flatMap(([, path]) => path ?? []);
  const loader = paths.find((path) => basename(path).startsWith("ld-"));
  if (loader === undefined) throw new Error(`${program} names no loader: ${needed}`);
  await run(["cp", "-L", ...[program, ...paths].map((path) => join(root, path)), folder]);
  const copy = join(folder, name);
  const find = ["--set-interpreter", join(folder, basename(loader)), "--set-rpath", folder];
  await run(argv(["patchelf", ...find, copy]));
  await run([copy, "--version"]);
  return copy;
}
