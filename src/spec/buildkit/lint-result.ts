/** `result.json` of BuildKit's `frontend.lint`: what `--call=check,format=json` prints. */
export interface LintResult {
  readonly warnings: readonly {
    readonly ruleName: string;
    readonly description: string;
    readonly url?: string;
    readonly detail: string;
    readonly location: LintLocation;
  }[];
  readonly sources: readonly {
    readonly filename: string;
    /** Base64. */
    readonly data: string;
    readonly language: string;
  }[];
  /** Why the file cannot be built. */
  readonly buildError?: { readonly message: string; readonly location: LintLocation };
}

export interface LintLocation {
  readonly sourceIndex?: number;
  readonly ranges?: readonly {
    readonly start: { readonly line: number };
    readonly end: { readonly line: number };
  }[];
}

/** Reads `result.json` as a frontend gives it: Go writes a list without elements as null. */
export function parseLintResult(bytes: Uint8Array): LintResult {
  const found = JSON.parse(Buffer.from(bytes).toString()) as Partial<LintResult>; // the frontend's form
  return { ...found, warnings: found.warnings ?? [], sources: found.sources ?? [] };
}

const CONTEXT_LINES = 2;
const RULE = "--------------------";

/** The findings for people, as `docker buildx build --check` prints them. */
export function lintText(result: LintResult): string {
  const { warnings, buildError } = result;
  if (warnings.length === 0) return buildError ? "" : "Check complete, no warnings found.\n";
  const count = warnings.length === 1 ? "1 warning has" : `${warnings.length} warnings have`;
  const shown = warnings.map(({ ruleName, url, detail, location }) => {
    const page = url === undefined ? "" : ` - ${url}`;
    return `\nWARNING: ${ruleName}${page}\n${detail}\n${lintExcerpt(result, location)}`;
  });
  return `Check complete, ${count} been found!\n${shown.join("")}`;
}

/** The lines that are meant and those around them, marked. */
export function lintExcerpt({ sources }: LintResult, { ranges }: LintLocation): string {
  const [source] = sources;
  const [range] = ranges ?? [];
  if (!source || !range) return "";
  const lines = Buffer.from(source.data, "base64").toString().split("\n");
  const first = Math.max(1, range.start.line - CONTEXT_LINES);
  const last = Math.min(lines.length, range.end.line + CONTEXT_LINES);
  const shown = lines.slice(first - 1, last).map((line, index) => {
    const number = first + index;
    const isMeant = number >= range.start.line && number <= range.end.line;
    return `${String(number).padStart(4)} | ${isMeant ? ">>>" : "   "} ${line.replace(/\r$/, "")}`;
  });
  const place = `${source.filename}:${range.start.line}`;
  return `${[place, RULE, ...shown, RULE].join("\n")}\n`;
}
