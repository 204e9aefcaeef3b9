import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Cgroups } from "#host/cgroups.ts";
import type { Processes } from "#host/processes.ts";
import { findSupervisor } from "./adopt.ts";
import type { ExitWatch } from "./exit-watch.ts";
import { type RuntimeProgram, runProgram } from "./oci/program.ts";
import type { ProcessPair, ProcessRecord, StateFolder } from "./state-folder.ts";

const SIGKILL = 9;

export interface RemoveParts {
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly exits: ExitWatch;
  readonly systemdCgroup: boolean;
}

export interface RemoveRequest {
  readonly folder: StateFolder;
  /** Absent where a daemon died before it wrote them. */
  readonly record: ProcessRecord | undefined;
  readonly pair: ProcessPair | undefined;
  readonly program: RuntimeProgram | undefined;
  /** Of a supervisor that this daemon started: resolves when it has ended. */
  readonly supervisorEnd: Promise<unknown> | undefined;
}

/**
 * Kills what is left of a container or exec and removes its traces, the folder last: a daemon that dies
 * on the way finds it again.
 */
export async function removeProcess(parts: RemoveParts, request: RemoveRequest): Promise<void> {
  const { processes, cgroups } = parts;
  const { folder, record, pair, supervisorEnd } = request;
  if (pair !== undefined && folder.readExit() === undefined) processes.kill(pair.process, SIGKILL);
  const supervisor =
    pair?.supervisor ??
    (supervisorEnd === undefined ? findUnrecorded(processes, folder) : undefined);
  if (pair === undefined && supervisor !== undefined) {
    // Without a report from it the process is unknown: conmon goes, and the runtime with it, which would
    // else put the process into a cgroup that was swept before.
    processes.kill(supervisor, SIGKILL);
    await processes.waitGone(supervisor);
  }
  const isEmptied = record?.kind === "container" && removeEmptied(parts, request, record);
  if (record?.kind === "container" && !isEmptied && cgroups.exists(record.cgroupPath)) {
    cgroups.kill(record.cgroupPath); // also ends a frozen one, and those outside its pid namespace
    if (pair === undefined) await waitEmpty(parts, record.cgroupPath);
  }
  if (supervisorEnd !== undefined) await supervisorEnd;
  else if (supervisor !== undefined) await processes.waitGone(supervisor);
  if (record?.kind === "container") {
    await forgetContainer(parts, record, {
      program: request.program,
      isHooked: folder.isHooked,
      isEmptied,
    });
    parts.exits.forget(record.id);
  }
  rmSync(folder.path, { recursive: true, force: true });
}

/** The usual end, without a search of a dozen hierarchies. Where the runtime deletes, the cgroup is its own to remove. */
function removeEmptied(
  parts: RemoveParts,
  { folder, program }: RemoveRequest,
  { cgroupPath }: ProcessRecord,
): boolean {
  if (folder.readExit() === undefined || deletesItself(parts, program, folder.isHooked))
    return false;
  return parts.cgroups.removeEmpty(cgroupPath);
}

/** Resolves when the processes that were killed there have ended. */
async function waitEmpty(
  { processes, cgroups }: Pick<RemoveParts, "processes" | "cgroups">,
  cgroupPath: string,
): Promise<void> {
  const dying = cgroups.pids(cgroupPath).flatMap((pid) => processes.identify(pid) ?? []);
  await Promise.all(dying.map((process) => processes.waitGone(process)));
}

function findUnrecorded(
  processes: Processes,
  folder: StateFolder,
): ReturnType<Processes["identify"]> {
  const pid = findSupervisor(folder);
  return pid === undefined ? undefined : processes.identify(pid);
}

/** Whether more is kept than `forgetContainer` knows. */
function deletesItself(
  { systemdCgroup }: Pick<RemoveParts, "systemdCgroup">,
  program: RuntimeProgram | undefined,
  isHooked: boolean,
): boolean {
  return program !== undefined && (program.family === "other" || systemdCgroup || isHooked);
}

/** The cgroup and the runtime's folder: all that crun and runc keep, without the process that `delete` costs. */
async function forgetContainer(
  parts: RemoveParts,
  record: ProcessRecord,
  {
    program,
    isHooked,
    isEmptied,
  }: Pick<RemoveRequest, "program"> & { readonly isHooked: boolean; readonly isEmptied: boolean },
): Promise<void> {
  const { systemdCgroup } = parts;
  if (program !== undefined && deletesItself(parts, program, isHooked)) {
    const command = ["delete", "--force", record.id];
    await runProgram(parts.processes, program, { systemdCgroup, command, isHooked });
    return;
  }
  if (!isEmptied) parts.cgroups.remove(record.cgroupPath);
  if (program !== undefined) {
    rmSync(join(program.rootDir, record.id), { recursive: true, force: true });
  }
}
