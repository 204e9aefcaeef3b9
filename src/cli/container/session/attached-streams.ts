import { CancelledError, FailedPreconditionError, UnavailableError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { DetachKeyFilter, defaultDetachKeys, parseDetachKeys } from "#cli/terminal/detach-keys.ts";
import { enterRawMode } from "#cli/terminal/raw-mode.ts";
import { demultiplex } from "#client/stdcopy.ts";

/** Both directions of a process's streams, as an engine's client hands them over. */
export interface ContainerStream {
  /** What the process writes, until its side ends. */
  output(): AsyncIterable<Uint8Array>;
  /** For the process to read; resolves when the next piece would not pile up. */
  write(bytes: Uint8Array): Promise<void>;
  /** The process's input sees its end. */
  closeWrite(): void;
}

/** Which streams of the process in the container are joined to the client's. */
export interface StreamChoice {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** The process has a TTY: its output is one stream of bytes. */
  readonly hasTerminal: boolean;
  /** The keys that leave the container running; empty for docker's. */
  readonly detachKeys: string;
}

/** How a session ended: the process's side closed its output, or the user has left. */
export type SessionEnd = "ended" | "detached";

/**
 * Joins the client's streams to a running process until the process's side or the user ends the
 * session. The terminal is in raw mode meanwhile where the process has a TTY. A read of our input
 * that is still waiting when the process ends is left behind: it holds nothing up.
 *
 * @throws {FailedPreconditionError} What the engine itself reports on the stream.
 */
export async function joinStreams(
  cli: Cli,
  stream: ContainerStream,
  choice: StreamChoice,
): Promise<SessionEnd> {
  using _raw = mayEnterRawMode(cli, choice);
  const output = copyOutput(cli, stream, choice);
  if (!choice.stdin) return output;
  const first = await Promise.race([output, copyInput(cli, stream, choice)]);
  return first === "sent" ? await output : first;
}

function mayEnterRawMode(cli: Cli, choice: StreamChoice): Disposable {
  const { fd, isTerminal } = cli.input;
  const isRaw = choice.stdin && choice.hasTerminal && isTerminal && fd !== undefined;
  return isRaw ? enterRawMode(fd) : { [Symbol.dispose]: () => undefined };
}

async function copyOutput(
  cli: Cli,
  stream: ContainerStream,
  choice: StreamChoice,
): Promise<SessionEnd> {
  if (choice.hasTerminal) {
    const isShown = choice.stdout || choice.stderr;
    for await (const bytes of stream.output()) if (isShown) await cli.output.pump(bytes);
    return "ended";
  }
  for await (const { stream: name, payload } of demultiplex(stream.output())) {
    if (name === "error") {
      throw new FailedPreconditionError(
        `error from daemon in stream: ${new TextDecoder().decode(payload)}`,
      );
    }
    if (name === "stdout" && choice.stdout) await cli.output.pump(payload);
    if (name === "stderr" && choice.stderr) await cli.errors.pump(payload);
  }
  return "ended";
}

async function copyInput(
  cli: Cli,
  stream: ContainerStream,
  choice: StreamChoice,
): Promise<"sent" | "detached"> {
  const keys = choice.hasTerminal ? new DetachKeyFilter(detachKeyBytes(choice)) : undefined;
  try {
    for await (const chunk of cli.input.chunks()) {
      const typed = keys?.push(chunk) ?? { bytes: chunk, isDetached: false };
      if (typed.bytes.length > 0) await stream.write(typed.bytes);
      if (typed.isDetached) return "detached";
    }
    stream.closeWrite();
  } catch (error) {
    // The process has ended, or closed its input: its output says when the session is over.
    if (!(error instanceof UnavailableError) && !(error instanceof CancelledError)) throw error;
  }
  return "sent";
}

function detachKeyBytes({ detachKeys }: StreamChoice): Uint8Array {
  return parseDetachKeys(detachKeys === "" ? defaultDetachKeys : detachKeys);
}
