import type { EventMessage } from "@docker/node-sdk";
import { formatBinarySize } from "#base/sizes.ts";
import type { Cli } from "#cli/cli.ts";
import { readJsonLines } from "#client/json-stream.ts";

/** 128 and SIGKILL. */
const KILLED = 137;

/** A run that has ended. */
export interface EndedRun {
  readonly id: string;
  readonly exitCode: number;
  /** When it was begun, by the clock of the client. */
  readonly since: Date;
  /** Bytes; 0 for none. */
  readonly memoryLimitBytes: number;
}

/**
 * Says on stderr that the kernel ended a container for want of memory. Asked of the events, since a
 * container of `--rm` is gone by now. Costs a request only for exit code 137.
 */
export async function warnOfOutOfMemory(cli: Cli, run: EndedRun): Promise<void> {
  if (run.exitCode !== KILLED || !(await wasOutOfMemory(cli, run))) return;
  cli.errors.write(`WARNING: ${outOfMemoryText(run.memoryLimitBytes)}\n`);
}

export function outOfMemoryText(memoryLimitBytes: number): string {
  return memoryLimitBytes > 0
    ? `the kernel killed the container: it wanted more than its limit of ${formatBinarySize(memoryLimitBytes)} of memory (--memory)`
    : "the kernel killed the container: the host ran out of memory, and the container has no limit of its own (--memory)";
}

async function wasOutOfMemory(cli: Cli, { id, since }: EndedRun): Promise<boolean> {
  const engine = await cli.engine();
  const answer = await engine.request("GET", "/events", {
    query: {
      // the engine's clock may be another's
      since: String(Math.floor(since.getTime() / 1000) - 60),
      until: String(Math.ceil(cli.now().getTime() / 1000)),
      filters: JSON.stringify({ container: { [id]: true }, event: { oom: true } }),
    },
  });
  for await (const line of readJsonLines(answer.body())) {
    const event = JSON.parse(line) as EventMessage; // the engine's schema
    if (event.Action === "oom") return true;
  }
  return false;
}
