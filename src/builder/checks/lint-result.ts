import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import type { Checked } from "#builder/builder.ts";
import { CHECK_RULES, pageOf } from "./rules.ts";

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

/** The checks' findings in BuildKit's form. */
export function lintResultOf({ warnings, source, error }: Checked): LintResult {
  const location = (range: { readonly startLine: number; readonly endLine: number }) => ({
    ranges: [{ start: { line: range.startLine }, end: { line: range.endLine } }],
  });
  return {
    warnings: warnings.map(({ rule, detail, range }) => {
      const { description } = CHECK_RULES[rule];
      const url = pageOf(CHECK_RULES[rule]);
      return {
        ruleName: rule,
        description,
        ...(url === undefined ? {} : { url }),
        detail,
        location: location(range),
      };
    }),
    sources: [
      {
        filename: source.fileName,
        data: Buffer.from(source.text).toString("base64"),
        language: "Dockerfile",
      },
    ],
    ...(error
      ? {
          buildError: {
            message: error.message,
            location: error instanceof DockerfileError && error.range ? location(error.range) : {},
          },
        }
      : {}),
  };
}
