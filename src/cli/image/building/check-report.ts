import { FailedPreconditionError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";

/** What the engine's checks found. @see BuildKit's `frontend.lint` */
interface LintResult {
  readonly warnings: readonly {
    readonly ruleName: string;
    readonly url?: string;
    readonly detail: string;
    readonly location: LintLocation;
  }[];
  readonly sources: readonly { readonly filename: string; readonly data: string }[];
  readonly buildError?: { readonly message: string; readonly location: LintLocation };
}

interface LintLocation {
  readonly ranges?: readonly {
    readonly start: { readonly line: number };
    readonly end: { readonly line: number };
  }[];
}

const CONTEXT_LINES = 2;
const RULE = "--------------------";

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
  const { warnings, buildError } = result;
  if (format === "json") cli.output.write(`${JSON.stringify(result, undefined, 2)}\n`);
  else cli.output.write(checkText(result));
  if (buildError) {
    cli.errors.write(
      `ERROR: ${buildError.message}\n${excerpt(result, buildError.location, CONTEXT_LINES)}`,
    );
  }
  return warnings.length > 0 || buildError ? 1 : 0;
}

/** The findings for people. */
export function checkText(result: LintResult): string {
  const { warnings, buildError } = result;
  if (warnings.length === 0) return buildError ? "" : "Check complete, no warnings found.\n";
  const count = warnings.length === 1 ? "1 warning has" : `${warnings.length} warnings have`;
  const shown = warnings.map(({ ruleName, url, detail, location }) => {
    const page = url === undefined ? "" : ` - ${url}`;
    return `\nWARNING: ${ruleName}${page}\n${detail}\n${excerpt(result, location, CONTEXT_LINES)}`;
  });
  return `Check complete, ${count} been found!\n${shown.join("")}`;
}

/** The lines that are meant and those around them, marked. */
function excerpt({ sources }: LintResult, { ranges }: LintLocation, around: number): string {
  const [source] = sources;
  const [range] = ranges ?? [];
  if (!source || !range) return "";
  const lines = Buffer.from(source.data, "base64").toString().split("\n");
  const first = Math.max(1, range.start.line - around);
  const last = Math.min(lines.length, range.end.line + around);
  const shown = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    const isMeant = number >= range.start.line && number <= range.end.line;
    return `${String(number).padStart(4)} | ${isMeant ? ">>>" : "   "} ${line.replace(/\r$/, "")}`;
  });
  const place = `${source.filename}:${range.start.line}`;
  return `${[place, RULE, ...shown, RULE].join("\n")}\n`;
}
