import type { Dockerfile } from "#builder/language/stages.ts";
import type { BuildTargets } from "#spec/buildkit/outline.ts";
import { describedBy } from "./described-by.ts";

/** The stages of a file as targets, as they are written. */
export function targetsOf(file: Dockerfile): BuildTargets {
  return {
    targets: file.stages.map(({ from }, index) => {
      const description = describedBy(from.comments, from.name);
      const { startLine, endLine } = from.range;
      return {
        ...(from.name === "" ? {} : { name: from.name }),
        ...(index === file.stages.length - 1 ? { default: true } : {}),
        ...(description === undefined ? {} : { description }),
        base: from.base,
        ...(from.platform === "" ? {} : { platform: from.platform }),
        location: { ranges: [{ start: { line: startLine }, end: { line: endLine } }] },
      };
    }),
  };
}
