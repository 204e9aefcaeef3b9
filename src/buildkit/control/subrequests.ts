import { FailedPreconditionError, UnsupportedError } from "#base/errors.ts";
import { lintResultOf } from "#builder/checks/lint-result.ts";
import { sessionCredentials, SessionFolders } from "#buildkit/session/session-sources.ts";
import { lintText } from "#spec/buildkit/lint-result.ts";
import type { RunningBuild } from "./running-build.ts";
import type { SolveParts } from "./solve.ts";

/** What a frontend is asked beside building: `frontend.lint` is `docker build --check`. */
export async function answerSubrequest(
  { builder, trees }: Pick<SolveParts, "builder" | "trees">,
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
  const checked = await builder.check(
    {
      attributes: Object.fromEntries(attributes),
      locals: new SessionFolders(session, trees),
      credentials: sessionCredentials(session),
      onEvent: (event) => build.progress.take(event),
    },
    AbortSignal.any([signal, build.signal]),
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
