import { FailedPreconditionError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import { lintExcerpt, type LintResult, lintText } from "#spec/buildkit/lint-result.ts";

/**
 * Prints the findings as `docker buildx build --check` does.
 *
 * @returns 1 where there is any.
 */
export async function tellChecks(
  cli: Cli,
  messages: AsyncIterable<ProgressMessage>,
  format: "text" | "json",
): Promise<number> {
  let result: LintResult | undefined;
  await showProgress(messages, cli.output, (aux) => {
    result = aux as LintResult; // the engine's answer to call=check
  });
  if (!result) throw new FailedPreconditionError("the engine told no checks: it may be too old");
  return tellFindings(cli, result, format);
}

/** @returns 1 where there is any finding. */
export function tellFindings(cli: Cli, result: LintResult, format: "text" | "json"): number {
  const { warnings, buildError } = result;
  if (format === "json") cli.output.write(`${JSON.stringify(result, undefined, 2)}\n`);
  else cli.output.write(lintText(result));
  if (buildError) {
    cli.errors.write(`ERROR: ${buildError.message}\n${lintExcerpt(result, buildError.location)}`);
  }
  return warnings.length > 0 || buildError ? 1 : 0;
}
