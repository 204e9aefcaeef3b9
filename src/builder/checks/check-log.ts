import type { SourceRange } from "#builder/language/dockerfile-error.ts";
import { type CheckOptions, wants } from "./check-options.ts";
import type { CheckName } from "./rules.ts";

/** Something in a Dockerfile that works, and had better be otherwise. */
export interface CheckWarning {
  readonly rule: CheckName;
  /** What is meant, in BuildKit's words. */
  readonly detail: string;
  readonly range: SourceRange;
}

/** Collects the warnings that the options let through, each once. */
export class CheckLog {
  readonly #options: CheckOptions;
  readonly #found = new Map<string, CheckWarning>();

  constructor(options: CheckOptions) {
    this.#options = options;
  }

  /** By line, then as they were found. */
  get warnings(): readonly CheckWarning[] {
    return [...this.#found.values()].toSorted((a, b) => a.range.startLine - b.range.startLine);
  }

  warn(rule: CheckName, range: SourceRange, detail: string): void {
    if (!wants(this.#options, rule)) return;
    const key = JSON.stringify([rule, range.startLine, detail]);
    if (!this.#found.has(key)) this.#found.set(key, { rule, detail, range });
  }
}
