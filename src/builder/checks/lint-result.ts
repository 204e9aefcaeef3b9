import type { Checked } from "#builder/builder.ts";
import { DockerfileError, type SourceRange } from "#builder/language/dockerfile-error.ts";
import type { LintLocation, LintResult } from "#spec/buildkit/lint-result.ts";
import { CHECK_RULES, pageOf } from "./rules.ts";

/** The checks' findings in BuildKit's form. */
export function lintResultOf({ warnings, source, error }: Checked): LintResult {
  const location = (range: SourceRange): LintLocation => ({
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
