import { cleanPattern } from "./path-pattern.ts";

/**
 * Reads a `.dockerignore`.
 *
 * @returns Patterns in order, `!` in front of exceptions; `#` in the first column makes a comment.
 */
export function parseIgnoreFile(text: string): readonly string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split("\n")
    .flatMap((line) => {
      const raw = line.replace(/\r$/, "");
      if (raw.startsWith("#")) return [];
      const trimmed = raw.trim();
      if (trimmed === "") return [];
      const isException = trimmed.startsWith("!");
      const pattern = cleanPattern(isException ? trimmed.slice(1) : trimmed);
      return [isException ? `!${pattern}` : pattern];
    });
}

/** Where the patterns of a build are looked for, the first that there is wins. */
export function ignoreFileNames(dockerfile: string): readonly string[] {
  return [`${dockerfile}.dockerignore`, ".dockerignore"];
}
