import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { beginStep, type StepParts } from "./begin-step.ts";
import type { StepProcess, StepRequest, StepTerminal } from "./step.ts";

/**
 * Starts a process in a mounted root for somebody to talk to. What it mounts on stays in the root, which is to be thrown
 * away.
 *
 * @param given.terminal The size of the terminal that it gets; undefined for pipes.
 * @param signal Of the start alone.
 * @throws As `beginStep`. Nothing is left behind then.
 */
export async function openStep(
  parts: StepParts,
  request: StepRequest,
  given: { readonly defaults: ContainerDefaults; readonly terminal: StepTerminal | undefined },
  signal: AbortSignal,
): Promise<StepProcess> {
  await using undo = new AsyncDisposableStack();
  const { defaults, terminal } = given;
  const { id, process } = await beginStep(
    parts,
    request,
    { defaults, input: { terminal } },
    undo,
    signal,
  );
  const stream = undo.use(await parts.runtime.attach(id));
  await parts.runtime.start(id);
  const open = undo.move();
  return {
    output: () => stream.output(),
    write: (input) => stream.write(input),
    endInput: () => stream.endInput(),
    resize: (size) => parts.runtime.resize(id, size),
    kill: (number) => parts.runtime.kill(id, number),
    exited: process.exited,
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
