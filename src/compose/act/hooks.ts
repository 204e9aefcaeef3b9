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
  { engine, isDryRun }: ActParts,
): Promise<void> {
  if (isDryRun) return;
  for (const hook of hooks) {
    const { Id } = await engine.postJson<{ readonly Id: string }>(
      `/containers/${containerId}/exec`,
      {
        json: {
          Cmd: hook.command ?? [],
          User: hook.user ?? "",
          Privileged: hook.privileged ?? false,
          WorkingDir: hook.working_dir ?? "",
          Env: environmentOf(hook) ?? [],
          AttachStdout: true,
          AttachStderr: true,
        },
      },
    );
    const stream = await engine.hijack(`/exec/${Id}/start`, {
      json: { Detach: false, Tty: false },
    });
    for await (const _chunk of stream.output()) {
      // its output is nobody's; the end says that the hook has ended
    }
    const { ExitCode } = await engine.getJson<{ readonly ExitCode: number }>(`/exec/${Id}/json`);
    if (ExitCode === 0) continue;
    throw new FailedPreconditionError(
      `hook ${(hook.command ?? []).join(" ")} exited with status ${ExitCode}`,
    );
  }
}
