import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPattern, PathPattern } from "./path-pattern.ts";

interface Rule {
  readonly pattern: PathPattern;
  /** `!`: takes back what earlier ones said. */
  readonly isException: boolean;
}

/** What is known of a folder when its children are asked for. */
export interface FolderMatch {
  readonly isMatched: boolean;
  /** Which rules matched the folder or one above it. */
  readonly rules: readonly boolean[];
}

/**
 * Patterns with exceptions: the last that matches wins, and what matches a folder matches all below it.
 *
 * @see Go's `patternmatcher`, whose order of questions this keeps.
 */
export class PathFilter {
  readonly #rules: readonly Rule[];
  readonly #hasExceptions: boolean;

  /** @throws {InvalidArgumentError} A pattern that is none. */
  constructor(patterns: readonly string[]) {
    this.#rules = patterns.flatMap((text) => {
      const trimmed = text.trim();
      if (trimmed === "") return [];
      const isException = trimmed.startsWith("!");
      const pattern = cleanPattern(isException ? trimmed.slice(1) : trimmed);
      if (pattern === "") {
        throw new InvalidArgumentError(`illegal exclusion pattern: ${JSON.stringify(text)}`);
      }
      return [{ pattern: new PathPattern(pattern), isException }];
    });
    this.#hasExceptions = this.#rules.some(({ isException }) => isException);
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  get root(): FolderMatch {
    return { isMatched: false, rules: [] };
  }

  /** @param path Relative to the root, cleaned. */
  match(path: string, folder: FolderMatch): FolderMatch {
    let isMatched = false;
    const rules = this.#rules.map(({ pattern, isException }, index) => {
      let matches = folder.rules[index] ?? false;
      if (!matches) {
        if (isException !== isMatched) return false;
        matches = pattern.matches(path);
      }
      if (matches) isMatched = !isException;
      return matches;
    });
    return { isMatched, rules };
  }

  /** As `match`, for a path on its own. */
  isMatched(path: string): boolean {
    let found = this.root;
    const parts = path.split("/");
    for (const index of parts.keys()) {
      found = this.match(parts.slice(0, index + 1).join("/"), found);
    }
    return found.isMatched;
  }

  /** Whether something below a folder may match. */
  mayMatchBelow(folder: string): boolean {
    return this.#rules.some(
      ({ pattern, isException }) => !isException && pattern.mayMatchBelow(folder),
    );
  }

  /** Whether an exception may bring back something below a folder that is matched. */
  mayExceptBelow(folder: string): boolean {
    if (!this.#hasExceptions) return false;
    return this.#rules.some(
      ({ pattern, isException }) => isException && pattern.mayMatchBelow(folder),
    );
  }
}
