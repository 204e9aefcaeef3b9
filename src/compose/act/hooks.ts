import { FailedPreconditionError } from "#base/errors.ts";
import type { Hook } from "#compose/model/project.ts";
import { environmentOf } from "#compose/plan/container-request.ts";
import type { ActParts } from "./act-parts.ts";

/**
 * Runs a service's hooks in a container, one after the other.
 *
 * @throws {FailedPreconditionError} One ended with another code than 0.
 */
export async function runHooks(
  hooks: readonly Hook[],
  containerId: string,
  parts: ActParts,
): Promise<void> {
  if (parts.isDryRun) return;
  for (const hook of hooks) {
    await runHookWith(hook, containerId, parts, async (output) => {
      for await (const _chunk of output) {
        // its output is nobody's; the end says that the hook has ended
      }
    });
  }
}

/**
 * Runs one hook in a container.
 *
 * @param onOutput Reads what it prints, in frames, to the end.
 * @throws {FailedPreconditionError} It ended with another code than 0.
 */
export async function runHookWith(
  hook: Hook,
  containerId: string,
  { engine }: Pick<ActParts, "engine">,
  onOutput: (output: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const { Id } = await engine.postJson<{ readonly Id: string }>(`/containers/${containerId}/exec`, {
    json: {
      Cmd: hook.command ?? [],
      User: hook.user ?? "",
      Privileged: hook.privileged ?? false,
      WorkingDir: hook.working_dir ?? "",
      Env: environmentOf(hook) ?? [],
      AttachStdout: true,
      AttachStderr: true,
    },
  });
  using stream = await engine.hijack(`/exec/${Id}/start`, { json: { Detach: false, Tty: false } });
  await onOutput(stream.output());
  const { ExitCode } = await engine.getJson<{ readonly ExitCode: number }>(`/exec/${Id}/json`);
  if (ExitCode === 0) return;
  throw new FailedPreconditionError(
    `hook ${(hook.command ?? []).join(" ")} exited with status ${ExitCode}`,
  );
}
