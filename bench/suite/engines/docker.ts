import { join } from "node:path";
import { run } from "../command.ts";
import type { Contender } from "../contender.ts";
import { cgroupParentOf, folderAt, runFolderOf } from "../isolation.ts";
import { type Bench, engineRuntime } from "../workload.ts";
import type { PeersRoot } from "./peers-root.ts";
import { addRuntimes, DaemonProcess } from "./processes.ts";

export async function openDocker(
  bench: Bench,
  peers: PeersRoot,
): Promise<Contender & AsyncDisposable> {
  const folder = folderAt(bench.folder, "docker");
  const runFolder = runFolderOf(bench.folder, "docker");
  const socket = join(folder, "docker.sock");
  const daemon = new DaemonProcess(
    peers.argv([
      ...["dockerd", "-H", `unix://${socket}`, "--pidfile", join(folder, "pid"), "--group", "root"],
      ...["--data-root", join(folder, "data"), "--exec-root", runFolder],
      ...["--bip", "172.29.0.1/16", "--live-restore"],
      ...addRuntimes(peers.runtimes),
      ...["--default-runtime", engineRuntime(bench.runtime)],
      ...["--cgroup-parent", `/${cgroupParentOf(bench.folder)}`],
    ]),
    { socket, log: join(bench.folder, "docker.log") },
  );
  await daemon.start();
  const argv = (words: readonly string[]) =>
    peers.argv(["docker", "-H", `unix://${socket}`, ...words]);
  return {
    name: "docker",
    socket,
    daemon,
    traces: [folder, runFolder, "docker-proxy"],
    argv,
    cli: async (words, options) => await run(argv(words), options),
    [Symbol.asyncDispose]: async () => await daemon[Symbol.asyncDispose](),
  };
}
