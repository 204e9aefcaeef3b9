import type { AttachStream } from "#runtime/runtime.ts";
import { DetachScanner } from "#api/detach-keys.ts";
import type { HijackedStream } from "#api/hijack.ts";
import { frameOutput } from "#api/output-frames.ts";
import { isWanted } from "./logs-route.ts";

export interface PumpOptions {
  /** The process has a terminal: its output is one stream, and detach keys may be typed. */
  readonly terminal: boolean;
  /** Output goes out in frames that name the stream, else as it is. */
  readonly isFramed: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The process is to read end of file when the client half-closes. */
  readonly closesStdin: boolean;
  readonly detachKeys: Uint8Array;
}

/** How a session ended: the process's output did, or the client left and the process goes on. */
export type PumpEnd = "output-ended" | "detached" | "client-gone";

/**
 * Joins a client and a process until the process's output ends, the detach keys are typed, or the
 * client is gone. A client that only half-closes still gets all output. Disposes of the process's
 * stream, never ends the client's.
 */
export async function pumpStreams(
  client: HijackedStream,
  process: AttachStream,
  options: PumpOptions,
  signal: AbortSignal,
): Promise<PumpEnd> {
  await using stream = process;
  const left = Promise.withResolvers<PumpEnd>();
  const onAbort = (): void => left.resolve("client-gone");
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const input = copyInput(client, stream, options).then(
    (isDetached) => {
      if (isDetached) left.resolve("detached");
    },
    () => {
      // The process takes no more input; its output goes on until it ends by itself.
    },
  );
  const output = copyOutput(client, stream, options).catch((): PumpEnd => "client-gone");
  const end = await Promise.race([output, left.promise]);
  signal.removeEventListener("abort", onAbort);
  void input; // ends with the client's connection, which the caller closes
  return end;
}

async function copyOutput(
  client: HijackedStream,
  process: AttachStream,
  options: PumpOptions,
): Promise<PumpEnd> {
  for await (const { stream, bytes } of process.output()) {
    if (!options.terminal && !isWanted(options, stream)) continue;
    if (options.terminal && !options.stdout) continue;
    await client.write(options.isFramed ? frameOutput(stream, bytes) : bytes);
  }
  return "output-ended";
}

/** @returns True when the detach keys were typed. */
async function copyInput(
  client: HijackedStream,
  process: AttachStream,
  options: PumpOptions,
): Promise<boolean> {
  const scanner = options.terminal ? new DetachScanner(options.detachKeys) : undefined;
  for await (const bytes of client.input()) {
    if (!options.stdin) continue; // read all the same, to see the end
    const scanned = scanner?.scan(bytes) ?? { forward: bytes, isDetached: false };
    if (scanned.forward.byteLength > 0) await process.write(scanned.forward);
    if (scanned.isDetached) return true;
  }
  if (options.stdin && options.closesStdin) process.endInput();
  return false;
}
