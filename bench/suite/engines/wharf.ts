import { join, resolve } from "node:path";
import { run } from "../command.ts";
import type { Contender } from "../contender.ts";
import { cgroupParentOf, folderAt, runFolderOf } from "../isolation.ts";
import { type Bench, engineRuntime, type RuntimePrograms } from "../workload.ts";
import { addRuntimes, DaemonProcess } from "./processes.ts";

export const WHARF: string = resolve("dist/wharf");

/**
 * Our engine, in the mount namespace of `host`: where this run hides the second cgroup version from everything else, ours
 * goes on seeing the host as it is, and pays for hiding it.
 */
export async function openWharf(
  bench: Bench,
  runtimes: RuntimePrograms,
  host: number | undefined,
): Promise<Contender & AsyncDisposable> {
  const folder = folderAt(bench.folder, "wharf");
  const runFolder = runFolderOf(bench.folder, "wharf");
  const socket = join(folder, "wharf.sock");
  const daemon = new DaemonProcess(
    [
      ...(host === undefined ? [] : ["nsenter", "-t", String(host), "--mount", "--"]),
      ...[WHARF, "daemon", "-H", `unix://${socket}`, "--pidfile", join(folder, "pid")],
      ...["--data-root", join(folder, "data"), "--exec-root", runFolder],
      ...["--bridge", "wbench0", "--bip", "172.28.0.1/16", "--live-restore"],
      ...addRuntimes(runtimes),
      ...["--default-runtime", engineRuntime(bench.runtime)],
      ...["--cgroup-parent", `/${cgroupParentOf(bench.folder)}`],
    ],
    { socket, log: join(bench.folder, "wharf.log") },
  );
  await daemon.start();
  const argv = (words: readonly string[]) => [WHARF, "-H", `unix://${socket}`, ...words];
  return {
    name: "wharf",
    socket,
    daemon,
    traces: [folder, runFolder],
    argv,
    cli: async (words, options) => await run(argv(words), options),
    [Symbol.asyncDispose]: async () => await daemon[Symbol.asyncDispose](),
  };
}
