import type { OnProgress, ProgressEvent } from "#compose/act/progress.ts";

/** How what goes on is shown. */
export interface Progress {
  readonly report: OnProgress;
  /** What is shown stays as it is; something else is written below, or nothing more. */
  settle(): void;
  /** From now on a line a change: other lines come between. */
  flow(): void;
}

/** Words that say that something is still going on. */
const WORKING = /^(?!Running).*ing$|^Recreate$/;

export function isWorking(status: string): boolean {
  return WORKING.test(status);
}

/** docker compose's forms: what is about an image of a service, and what is about a thing. */
export function plainLine({ kind, name, status }: ProgressEvent): string {
  if (kind === "Task") return ` ${name} ${status}`;
  return kind === "Service" ? ` ${name} ${status} ` : ` ${kind} ${name}  ${status}`;
}

/** What a thing is called in a list. */
export function idOf({ kind, name }: ProgressEvent): string {
  return kind === "Service" || kind === "Task" ? name : `${kind} ${name}`;
}
