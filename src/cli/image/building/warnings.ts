import type { VertexWarning } from "#spec/buildkit/control.ts";
import { excerptText } from "./build-error.ts";

const YELLOW = "\x1b[33m";
const PLAIN = "\x1b[0m";

/**
 * What the checks found, after a build.
 *
 * @param isWhole With what each is about, and its lines (`--debug`).
 */
export function warningsText(
  warnings: readonly VertexWarning[],
  { isWhole, hasColors }: { readonly isWhole: boolean; readonly hasColors: boolean },
): string {
  if (warnings.length === 0) return "";
  const count = warnings.length === 1 ? "1 warning" : `${warnings.length} warnings`;
  const hint = isWhole ? "" : " (use --debug to expand)";
  const title = `${count} found${hint}:`;
  const lines = warnings.map((warning) => {
    const short = ` - ${Buffer.from(warning.short).toString()}\n`;
    return isWhole ? `${short}${wholeText(warning)}` : short;
  });
  return `\n${hasColors ? `${YELLOW} ${title}${PLAIN}` : ` ${title}`}\n${lines.join("")}`;
}

function wholeText({ detail, url, info, ranges }: VertexWarning): string {
  const lines = detail.map((one) => `${Buffer.from(one).toString()}\n`).join("");
  const page = url === "" ? "" : `More info: ${url}\n`;
  const excerpt = info
    ? excerptText({
        fileName: info.fileName,
        text: Buffer.from(info.data).toString(),
        ranges: ranges.map(({ start, end }) => ({
          startLine: start?.line ?? 0,
          endLine: end?.line ?? start?.line ?? 0,
        })),
      })
    : "";
  return `${lines}${page}${excerpt}\n`;
}
