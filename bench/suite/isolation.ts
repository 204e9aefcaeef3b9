import { mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

/** The beginning of the parent of their cgroups. */
const CGROUP = "wharf-bench";

/**
 * Makes a network, mounts and process ids that are this run's own, and becomes the command.
 * The shell stays process 1: it reaps what conmon and the shims leave to it, and its end is the end of all.
 */
const ENTER = `set -e
folder=$1; shift
ip link set lo up
mkdir "$folder/cgroup"
mount --rbind /sys/fs/cgroup "$folder/cgroup"
mount -t sysfs sysfs /sys
mount --rbind "$folder/cgroup" /sys/fs/cgroup
umount -l "$folder/cgroup"
rmdir "$folder/cgroup"
mount -t tmpfs tmpfs /run
set +e
"$@"
exit $?`;

/**
 * Runs a command with a folder of its own, in namespaces of its own: firewalls and bridges of the engines are no
 * matter of the host, and whatever it starts is gone with it, whether it ends by itself or by Ctrl-C.
 *
 * @param argv Given the folder's path; it and the engines below it are all that the command may write to.
 * @returns Its exit code.
 */
export async function runIsolated(argv: (folder: string) => readonly string[]): Promise<number> {
  // a short path: sockets of unix have names of at most 107 bytes
  const folder = mkdtempSync("/var/tmp/wharf-bench-");
  const child = Bun.spawn(
    [
      ...["unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork"],
      ...["--kill-child=SIGKILL", "--mount-proc", "bash", "-c", ENTER, "bench", folder],
      ...argv(folder),
    ],
    { stdin: "ignore", stdout: "inherit", stderr: "inherit" },
  );
  const end = () => child.kill("SIGKILL");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, end);
  const code = await child.exited;
  rmSync(folder, { recursive: true, force: true });
  removeCgroups(folder);
  return code;
}

/**
 * Where an engine keeps what need not outlast the machine's next start: in memory, as by default below `/run`. On a disk's
 * ext4 each of those files takes the longer the more were removed in the last minutes.
 */
export function runFolderOf(folder: string, engine: string): string {
  return join("/run", basename(folder), engine);
}

/** The name below which engines of that run make their cgroups. */
export function cgroupParentOf(folder: string): string {
  return `${CGROUP}-${folder.split("-").at(-1)}`;
}

/** A killed engine leaves empty ones. Those of podman have a parent that it shares with all others. */
function removeCgroups(folder: string): void {
  for (const hierarchy of ["", ...foldersIn("/sys/fs/cgroup")]) {
    const top = join("/sys/fs/cgroup", hierarchy);
    removeTree(join(top, cgroupParentOf(folder)));
    removeTree(join(top, "libpod_parent"));
  }
}

/** Of cgroups only empty ones can be removed; those in use stay. */
function removeTree(path: string): void {
  for (const name of foldersIn(path)) removeTree(join(path, name));
  try {
    rmdirSync(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "ENOENT" && code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
  }
}

function foldersIn(path: string): readonly string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  } catch {
    return []; // there is none, or not any more
  }
}

/** @returns The path, which is there now. */
export function folderAt(...parts: readonly string[]): string {
  const path = join(...parts);
  mkdirSync(path, { recursive: true });
  return path;
}
