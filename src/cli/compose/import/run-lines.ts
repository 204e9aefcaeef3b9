import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { splitShellWords } from "#compose/file/shell-words.ts";

/** A `docker run` or `docker create` of a script. */
export interface RunLine {
  /** From 1, where it begins. */
  readonly line: number;
  /** What follows `run`. */
  readonly words: readonly string[];
  /** Variables and substitutions of the shell that nobody has expanded: `$HOME`. */
  readonly unexpanded: readonly string[];
}

const COMMAND = /^(?:sudo\s+)?(?:docker|podman|wharf)\s+(?:container\s+)?(?:run|create)(?:\s|$)/;

/**
 * The `docker run` and `docker create` lines of a shell script: comments and all other lines are passed over, a
 * backslash at its end continues a line.
 *
 * @throws {InvalidArgumentError} A quote is never closed, with the line.
 */
export function parseRunLines(script: string): readonly RunLine[] {
  const found: RunLine[] = [];
  const lines = script.split(/\r?\n/);
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1;
    let text = (lines[index] ?? "").trim();
    if (!COMMAND.test(text)) continue;
    while ((text.endsWith("\\") || isOpen(text)) && index + 1 < lines.length) {
      index++;
      const next = lines[index] ?? "";
      text = text.endsWith("\\") ? `${text.slice(0, -1)} ${next.trim()}` : `${text}\n${next}`;
    }
    found.push({ line, words: wordsOf(text, line), unexpanded: unexpandedIn(text) });
  }
  return found;
}

function wordsOf(text: string, line: number): readonly string[] {
  try {
    const words = splitShellWords(text);
    return words.slice(words.findIndex((word) => word === "run" || word === "create") + 1);
  } catch (error) {
    throw new InvalidArgumentError(`line ${line}: ${messageOf(error)}`, { cause: error });
  }
}

/** Whether a quote goes on to the next line. */
function isOpen(text: string): boolean {
  try {
    splitShellWords(text);
    return false;
  } catch {
    return true;
  }
}

/** In single quotes, a dollar is one. */
function unexpandedIn(text: string): readonly string[] {
  const outside = text.replaceAll(/'[^']*'/g, "").replaceAll(/\\./g, "");
  return [...new Set(outside.match(/\$(?:\w+|\{[^}]*\}|\([^)]*\))|`[^`]*`/g) ?? [])];
}
