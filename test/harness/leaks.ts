import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";

/** What tells the things of one engine from everything else on the host. */
export interface EngineTraces {
  /** Its folders: mounts and processes that name them are its own. */
  readonly root: string;
  readonly bridge: string;
  /** Id of the engine, as `info` shows it; its nftables table and links carry it. */
  readonly engineId: string;
  /** Containers it made, for their cgroups. */
  readonly containerIds: readonly string[];
}

/** Everything of the engine that is still on the host, a line each; empty when it left nothing. */
export async function findLeaks(traces: EngineTraces): Promise<string[]> {
  return [
    ...mountsBelow(traces.root),
    ...processesNaming(traces.root),
    ...(await links(traces)),
    ...(await tables(traces)),
    ...cgroups(traces),
  ];
}

function mountsBelow(root: string): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .filter((line) => line.split(" ")[1]?.startsWith(`${root}/`))
    .map((line) => `mount ${line}`);
}

/** Processes whose command line holds the engine's folder: conmon, the daemon, runtimes, workers. */
export function processesNaming(root: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        return command.includes(root) ? [`process ${pid} ${command}`] : [];
      } catch {
        return []; // ended meanwhile
      }
    });
}

async function links(traces: EngineTraces): Promise<string[]> {
  const { stdout } = await runCommand(["ip", "-j", "-d", "link"]);
  const all = JSON.parse(stdout) as { ifname: string; ifalias?: string; master?: string }[];
  return all
    .filter(
      (link) =>
        link.ifname === traces.bridge ||
        link.master === traces.bridge ||
        (link.ifalias ?? "").includes(traces.engineId),
    )
    .map((link) => `link ${link.ifname} ${link.ifalias ?? ""}`);
}

async function tables(traces: EngineTraces): Promise<string[]> {
  const { stdout } = await runCommand(["nft", "list", "tables"]);
  const short = traces.engineId
    .replaceAll(/[^0-9a-z]/gi, "")
    .slice(0, 8)
    .toLowerCase();
  return stdout
    .split("\n")
    .filter((line) => line.includes("wharf") && line.toLowerCase().includes(short))
    .map((line) => `nftables ${line}`);
}

/** None of a folder that another engine takes away meanwhile. */
function entriesOf(directory: string): readonly Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENODEV") return [];
    throw error;
  }
}

function cgroups(traces: EngineTraces): string[] {
  if (traces.containerIds.length === 0) return [];
  const found: string[] = [];
  const visit = (directory: string, depth: number): void => {
    if (depth > 4) return;
    for (const entry of entriesOf(directory)) {
      if (!entry.isDirectory()) continue;
      const path = join(directory, entry.name);
      if (traces.containerIds.some((id) => entry.name.includes(id))) found.push(`cgroup ${path}`);
      visit(path, depth + 1);
    }
  };
  visit("/sys/fs/cgroup", 0);
  return found;
}
