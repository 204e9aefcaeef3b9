import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** What SIGUSR1 writes down, for somebody who asks why the engine is slow or stuck. */
export interface EngineState {
  readonly version: string;
  readonly pid: number;
  readonly uptimeSeconds: number;
  readonly memory: Readonly<Record<string, number>>;
  /** Handles and requests of the runtime that keep it going, by kind. */
  readonly resources: Readonly<Record<string, number>>;
  /** Oldest first. */
  readonly requests: readonly {
    readonly route: string;
    readonly ageMs: number;
  }[];
  readonly eventListeners: number;
  readonly containers: readonly {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly intent?: string;
  }[];
  readonly configuration: object;
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

/** What the process itself tells. */
export function processState(): Pick<
  EngineState,
  "pid" | "uptimeSeconds" | "memory" | "resources"
> {
  return {
    pid: process.pid,
    uptimeSeconds: Math.trunc(process.uptime()),
    memory: { ...process.memoryUsage() },
    resources: countBy(process.getActiveResourcesInfo()),
  };
}

/** @returns Path of the file, for its owner alone to read: labels and names may be secret. */
export function writeStateDump(directory: string, state: EngineState, time: Date): string {
  const stamp = time.toISOString().replaceAll(/[:.]/g, "-");
  const path = join(directory, `daemon-state-${stamp}.json`);
  writeFileSync(path, `${JSON.stringify(state, undefined, 2)}\n`, { mode: 0o600 });
  return path;
}
