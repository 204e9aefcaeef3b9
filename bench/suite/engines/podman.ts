import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../command.ts";
import type { Contender } from "../contender.ts";
import { folderAt, runFolderOf } from "../isolation.ts";
import { type Bench, engineRuntime } from "../workload.ts";
import type { PeersRoot } from "./peers-root.ts";
import { DaemonProcess } from "./processes.ts";

/** Of workloads/transfers.ts. */
const REGISTRY_PORTS = [5671, 5672];

/** podman, whose client does the work itself; its API is there for the workloads that need one. */
export async function openPodman(
  bench: Bench,
  peers: PeersRoot,
): Promise<Contender & AsyncDisposable> {
  const folder = folderAt(bench.folder, "podman");
  const runFolder = runFolderOf(bench.folder, "podman");
  writeConfiguration(bench, { folder, runFolder, programs: peers.runtimes });
  const socket = join(folder, "podman.sock");
  const service = new DaemonProcess(
    peers.argv(["podman", "system", "service", "--time", "0", `unix://${socket}`]),
    { socket, log: join(bench.folder, "podman.log") },
  );
  await service.start();
  const argv = (words: readonly string[]) => peers.argv(["podman", ...words]);
  return {
    name: "podman",
    socket,
    traces: [folder, runFolder],
    argv,
    builder: (words) => peers.argv(["env", buildahRuntime(bench, peers), "buildah", ...words]),
    cli: async (words, options) => await run(argv(words), options),
    [Symbol.asyncDispose]: async () => await service[Symbol.asyncDispose](),
  };
}

/** It looks up the name that containers.conf says on the PATH alone. */
function buildahRuntime(bench: Bench, { runtimes }: PeersRoot): string {
  return `BUILDAH_RUNTIME=${runtimes.get(bench.runtime) ?? bench.runtime}`;
}

function writeConfiguration(
  bench: Bench,
  {
    folder,
    runFolder,
    programs,
  }: {
    readonly folder: string;
    readonly runFolder: string;
    readonly programs: PeersRoot["runtimes"];
  },
): void {
  const target = folderAt(bench.folder, "containers");
  const runtimes = [...programs].map(([name, path]) => `${engineRuntime(name)} = ["${path}"]\n`);
  const files = {
    "containers.conf": `[containers]
log_driver = "k8s-file"
[engine]
runtime = "${engineRuntime(bench.runtime)}"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "${runFolder}/libpod"
volume_path = "${folder}/volumes"
[engine.runtimes]
${runtimes.join("")}[network]
network_backend = "netavark"
network_config_dir = "${folder}/networks"
default_subnet = "172.27.0.0/16"
`,
    "storage.conf": `[storage]
driver = "overlay"
graphroot = "${folder}/data"
runroot = "${runFolder}/storage"
`,
    "policy.json": `{"default": [{"type": "insecureAcceptAnything"}]}`,
    "registries.conf": REGISTRY_PORTS.map(
      (port) => `[[registry]]\nlocation = "127.0.0.1:${port}"\ninsecure = true\n`,
    ).join(""),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(target, name), text);
}
