import { formatDecimalSize } from "#base/sizes.ts";
import type { VertexStatus } from "#spec/buildkit/control.ts";
import { toMs } from "./steps.ts";

/** Shorter times are not told. */
const LEAST_SECONDS = 0.01;

/** `1.99MB / 4.2MB`; empty where there is nothing to tell. */
export function statusBytes({ current, total }: Pick<VertexStatus, "current" | "total">): string {
  if (total > 0) return ` ${formatDecimalSize(current, 3)} / ${formatDecimalSize(total, 3)}`;
  return current > 0 ? ` ${formatDecimalSize(current, 3)}` : "";
}

/** Seconds from its beginning to its end, or to its last change. */
export function statusSeconds({ started, completed, timestamp }: VertexStatus): number {
  const end = completed ?? timestamp;
  return started && end ? Math.max(0, toMs(end) - toMs(started)) / 1000 : 0;
}

/** `transferring context: 2B 0.1s done` */
export function statusText(status: VertexStatus): string {
  const seconds = statusSeconds(status);
  const time = seconds > LEAST_SECONDS ? ` ${seconds.toFixed(1)}s` : "";
  return `${status.id}${statusBytes(status)}${time}${status.completed ? " done" : ""}`;
}
