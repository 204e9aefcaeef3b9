import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { beginStep, isSpared, type StepParts } from "./begin-step.ts";
import { rememberMountPoints } from "./mount-stubs.ts";
import type { StepExit, StepOutput, StepRequest } from "./step.ts";

const SIGKILL = 9;

/**
 * Runs one process in a mounted root, to its end. Nothing of it is in the root when this returns; its folders and its
 * network go behind the answer, or before a failure is told. An abort kills it.
 *
 * @throws As `beginStep`.
 */
export async function runStep(
  parts: StepParts,
  request: StepRequest,
  given: { readonly defaults: ContainerDefaults; readonly onOutput: StepOutput },
  signal: AbortSignal,
): Promise<StepExit> {
  await using undo = new AsyncDisposableStack();
  using _points = rememberMountPoints(
    request.rootPath,
    request.mounts.map(({ destination }) => destination),
  );
  const { id, process } = await beginStep(parts, request, given, undo, signal);
  await using output = await parts.runtime.attach(id, { outputOnly: true });
  const kill = (): void => void parts.runtime.kill(id, SIGKILL);
  signal.addEventListener("abort", kill, { once: true });
  undo.defer(() => signal.removeEventListener("abort", kill));
  await parts.runtime.start(id);
  if (signal.aborted) kill();
  if (request.isFollowed === true && isSpared(parts, request)) parts.spareSandbox.makeReady(parts);
  for await (const { stream, bytes } of output.output()) await given.onOutput(stream, bytes);
  const { exitCode, oomKilled } = await process.exited;
  signal.throwIfAborted();
  // nothing of it runs any more, and what is left is in nobody's way
  const left = undo.move();
  void parts.background.run(`Cannot clean up build step ${id}`, () => left.disposeAsync());
  return { exitCode, oomKilled };
}
