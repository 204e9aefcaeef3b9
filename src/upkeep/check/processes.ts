import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Fault } from "#base/fault.ts";
import type { Processes } from "#host/processes.ts";
import type { Runtime } from "#runtime/runtime.ts";

export interface ProcessSources {
  /** Folder of the runtime's state: what names it in its arguments is this engine's. */
  readonly stateDirectory: string;
  readonly runtime: Pick<Runtime, "list">;
  readonly processes: Pick<Processes, "identify" | "isAlive" | "kill" | "waitGone">;
}

const SIGKILL = 9;
const ENDING_MS = 5000;

/** @returns Undefined for a process that has ended. */
function commandLine(pid: number): readonly string[] | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  } catch {
    return undefined; // ended meanwhile
  }
}

/**
 * Whose process a conmon of this engine supervises: the last folder of `…/processes/<id>` in its arguments.
 *
 * @returns Undefined when it is no conmon, or another engine's.
 */
export function supervisedId(words: readonly string[], stateDirectory: string): string | undefined {
  if (basename(words[0] ?? "") !== "conmon") return undefined;
  const folder = join(stateDirectory, "processes", "/");
  const word = words.find((text) => text.includes(folder));
  return word?.slice(word.indexOf(folder) + folder.length).split("/")[0];
}

/** Supervisors whose state folder is gone: nobody hears of the end that they wait for. */
export function auditProcesses(sources: ProcessSources): readonly Fault[] {
  const { stateDirectory, runtime, processes } = sources;
  const known = new Set(runtime.list());
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .flatMap((pid) => {
      const id = supervisedId(commandLine(pid) ?? [], stateDirectory);
      const identity = processes.identify(pid);
      if (id === undefined || known.has(id) || !identity) return [];
      const fault: Fault = {
        kind: "process",
        subject: String(pid),
        explanation: `Process ${pid} is a conmon of this engine, and what it supervises is not known`,
        mend: {
          words: "end it",
          apply: async () => {
            if (!processes.isAlive(identity) || runtime.list().includes(id)) return;
            processes.kill(identity, SIGKILL);
            await processes.waitGone(identity, AbortSignal.timeout(ENDING_MS));
          },
        },
      };
      return [fault];
    });
}
