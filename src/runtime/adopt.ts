import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ExitWatch } from "./exit-watch.ts";
import { type ExitParts, readExit } from "./exit.ts";
import { finishRelease } from "./oci/exec-fifo.ts";
import { isFrozen } from "./oci/freezer.ts";
import type { RuntimeProgram } from "./oci/program.ts";
import type { AdoptedProcess, RunningProcess } from "./runtime.ts";
import type { ProcessPair, ProcessRecord, StateFolder } from "./state-folder.ts";

/** How long a process that an earlier daemon was starting may take to use the fifo. */
const RELEASE_PATIENCE_MS = 1000;

export interface AdoptRequest {
  readonly folder: StateFolder;
  readonly bootId: string;
  readonly program: RuntimeProgram | undefined;
}

/**
 * Finds out what became of a process that an earlier daemon started. What it had not finished creating
 * counts as lost: nobody was told of it.
 */
export async function adoptProcess(
  parts: ExitParts & { readonly exits: ExitWatch },
  request: AdoptRequest,
): Promise<AdoptedProcess> {
  const { folder } = request;
  const { record, pair } = folder;
  if (record?.bootId !== request.bootId || pair === undefined) return { status: "lost" };
  const { processes } = parts;
  const hasSupervisor = processes.isAlive(pair.supervisor);
  const gone = processes.waitGone(pair.supervisor);
  // Watched before the file is looked for: an exit between the two is seen by one or the other.
  const ended = record.kind === "exec" ? gone : parts.exits.written(record.id, gone);
  if (folder.readExit() !== undefined) {
    return { status: "exited", exit: readExit(parts, folder, record, pair) };
  }
  if (!hasSupervisor) {
    if (!processes.isAlive(pair.process)) return { status: "lost" };
    return { status: "exited", exit: readExit(parts, folder, record, pair) };
  }
  const exited = ended.then(() => readExit(parts, folder, record, pair));
  const running: RunningProcess = { ...pair, exited };
  if (record.kind === "exec") return { status: "running", paused: false, ...running };
  if (await isWaiting(parts, request, record, pair)) return { status: "created", ...running };
  const paused = isFrozen(parts.cgroups.layout, record.limitedCgroupPath);
  return { status: "running", paused, ...running };
}

/** Whether `start` is still to come; a start that the earlier daemon had begun is finished first. */
async function isWaiting(
  parts: ExitParts,
  request: AdoptRequest,
  record: ProcessRecord,
  pair: ProcessPair,
): Promise<boolean> {
  const { program, folder } = request;
  if (!folder.isStarting) return true;
  if (program !== undefined && program.family !== "other") {
    const path = join(program.rootDir, record.id, "exec.fifo");
    const isAlive = (): boolean => parts.processes.isAlive(pair.process);
    const fifo = { path, family: program.family, isAlive };
    await finishRelease(fifo, parts.clock, RELEASE_PATIENCE_MS);
  }
  return false;
}

/**
 * A conmon that a daemon started and did not live to record, by the folder in its command line.
 *
 * @returns Its pid. Reads all of /proc: for reconciling only.
 */
export function findSupervisor(folder: StateFolder): number | undefined {
  for (const name of readdirSync("/proc")) {
    if (!/^[0-9]+$/.test(name)) continue;
    if (commandLine(name).includes(`--bundle=${folder.path}`)) return Number(name);
  }
  return undefined;
}

function commandLine(pid: string): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return []; // ended meanwhile
  }
}
