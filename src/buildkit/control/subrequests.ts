import { FailedPreconditionError, UnsupportedError } from "#base/errors.ts";
import { lintResultOf } from "#builder/checks/lint-result.ts";
import type { BuildEvent } from "#builder/events.ts";
import { openBuildFolders } from "#buildkit/session/build-folders.ts";
import { sessionCredentials } from "#buildkit/session/session-sources.ts";
import { lintText } from "#spec/buildkit/lint-result.ts";
import type { RunningBuild } from "./running-build.ts";
import type { SolveParts } from "./solve.ts";

/** What a frontend is asked beside building: `frontend.lint` is `docker build --check`. */
export async function answerSubrequest(
  parts: SolveParts,
  build: RunningBuild,
  attributes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const request = attributes.get("requestid") ?? "";
  if (request !== "frontend.lint") {
    throw new UnsupportedError(`unsupported subrequest ${request}: there is frontend.lint`);
  }
  const { session } = build;
  if (!session) throw new FailedPreconditionError("Cannot check without a session");
  const either = AbortSignal.any([signal, build.signal]);
  const onEvent = (event: BuildEvent): void => build.progress.take(event);
  await using stack = new AsyncDisposableStack();
  const locals = await openBuildFolders(parts, { session, attributes, onEvent, stack }, either);
  const checked = await parts.builder.check(
    {
      attributes: Object.fromEntries(attributes),
      locals,
      credentials: sessionCredentials(session),
      onEvent,
    },
    either,
  );
  const result = lintResultOf(checked);
  const status = result.warnings.length > 0 || result.buildError ? 1 : 0;
  const metadata = {
    "result.json": JSON.stringify(result, undefined, 2),
    "result.txt": lintText(result),
    "result.statuscode": String(status),
    version: "1.0.0",
  };
  return new Map(Object.entries(metadata).map(([name, text]) => [name, Buffer.from(text)]));
}
