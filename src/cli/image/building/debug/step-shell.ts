import { CancelledError, messageOf, WharfError } from "#base/errors.ts";
import type { FailedRun, FailedState } from "#build-client/debug/failed-run.ts";
import type { RemoteProcess } from "#build-client/debug/remote-process.ts";
import type { Cli } from "#cli/cli.ts";
import { enterRawMode } from "#cli/terminal/raw-mode.ts";
import { watchResize } from "#cli/terminal/signals.ts";
import { type StepCommandText, stepCommandText } from "./step-command.ts";

/** Variable of the shell: what the step ran. */
const STEP_VARIABLE = "WHARF_STEP";

/**
 * Lets the user into the files of a step that failed, by the terminal or by the commands on standard input. What goes wrong
 * with that is told and no more: the build has failed anyway.
 */
export async function openStepShell(cli: Cli, run: FailedRun, state: FailedState): Promise<void> {
  const command = stepCommandText(run.args);
  const { isTerminal } = cli.input;
  const input = cli.input.chunks()[Symbol.asyncIterator]();
  // a shell that reads nothing would end without a word
  const first = isTerminal ? undefined : await input.next();
  if (first?.done === true) return cli.errors.write(nothingToRead(run));
  cli.errors.write(welcome(command, run, state));
  const signal = cli.interruption();
  try {
    await using process = await run.start(
      {
        state,
        args: [command.shell],
        env: environmentOf(cli, command),
        hasTerminal: isTerminal,
      },
      signal,
    );
    using _raw = isTerminal ? rawMode(cli) : undefined;
    using _size = isTerminal ? followSize(cli, process) : undefined;
    void sendInput(process, first ? [first.value] : [], input);
    for await (const { stream, bytes } of process.output()) {
      await (stream === "stdout" ? cli.output : cli.errors).pump(bytes);
    }
  } catch (error) {
    if (signal.aborted) throw new CancelledError("context canceled", { cause: error });
    if (!(error instanceof WharfError)) throw error;
    cli.errors.write(`Cannot open ${command.shell} where the step failed: ${messageOf(error)}\n`);
  }
}

/** Never rejects: whoever reads the output is told of the end. A read that waits for the user is left behind. */
async function sendInput(
  process: RemoteProcess,
  before: readonly Uint8Array[],
  input: AsyncIterator<Uint8Array>,
): Promise<void> {
  try {
    for (const bytes of before) await process.write(bytes);
    for (let next = await input.next(); next.done !== true; next = await input.next()) {
      await process.write(next.value);
    }
    await process.endInput();
  } catch {
    // the process has ended
  }
}

function rawMode(cli: Cli): Disposable | undefined {
  const { fd } = cli.input;
  return fd === undefined ? undefined : enterRawMode(fd);
}

function followSize(cli: Cli, process: RemoteProcess): Disposable {
  const tell = (): void => {
    const size = cli.output.windowSize() ?? cli.errors.windowSize();
    if (size) process.resize(size).catch(() => undefined); // it has ended
  };
  tell();
  return watchResize(tell);
}

function environmentOf(cli: Cli, { script }: StepCommandText): readonly string[] {
  const { isTerminal } = cli.input;
  const terminal = isTerminal ? [`TERM=${cli.env["TERM"] || "xterm"}`] : [];
  return [...terminal, ...(script === undefined ? [] : [`${STEP_VARIABLE}=${script}`])];
}

function welcome(
  { script, text }: StepCommandText,
  { message }: FailedRun,
  state: FailedState,
): string {
  const files =
    state === "before" ? "with the files as they were before it" : "with the files as it left them";
  const retry = script === undefined ? "" : `, to be tried again by (eval "$${STEP_VARIABLE}")`;
  const lines = [
    "",
    message,
    `A shell where the step ran, ${files}; Ctrl-D or exit ends it and the build. What is done here is not kept, but in cache mounts.`,
    `The step's command${retry}`,
    "",
    ...text.split("\n").map((line) => `    ${line}`),
    "",
    "",
  ];
  return lines.join("\n");
}

function nothingToRead({ title }: FailedRun): string {
  return (
    `\nCannot open a shell where "${title}" failed: standard input is no terminal, and has no commands. ` +
    "Build on a terminal, or pipe commands in: echo 'ls -l' | wharf build --debug ...\n"
  );
}
