import { InvalidArgumentError } from "#base/errors.ts";
import { tryCompilePattern } from "#base/linear-pattern.ts";
import type { LogAttributes, LoggedContainer, LogOptions } from "#logs/logs.ts";

export const ATTRIBUTE_OPTIONS = ["labels", "labels-regex", "env", "env-regex", "tag"] as const;

/**
 * Labels and variables that the options `labels`, `labels-regex`, `env` and `env-regex` choose.
 *
 * @param rename How a name is shown: journald wants capitals.
 * @throws {InvalidArgumentError} A broken pattern.
 */
export function chosenAttributes(
  container: Pick<LoggedContainer, "labels" | "env" | "options">,
  rename: (name: string) => string = (name) => name,
): LogAttributes {
  const { options, labels } = container;
  const variables = Object.fromEntries(container.env.map(splitVariable));
  return {
    ...choose(labels, options["labels"], options["labels-regex"], rename),
    ...choose(variables, options["env"], options["env-regex"], rename),
  };
}

/** @throws {InvalidArgumentError} A broken pattern. */
export function checkPatterns(options: LogOptions): void {
  for (const name of ["labels-regex", "env-regex"] as const) compile(options[name] ?? "");
}

function choose(
  values: Readonly<Record<string, string>>,
  names: string | undefined,
  pattern: string | undefined,
  rename: (name: string) => string,
): LogAttributes {
  const listed = new Set((names ?? "").split(",").filter((name) => name !== ""));
  const isMatch = pattern ? compile(pattern) : () => false;
  const chosen = Object.entries(values).filter(([name]) => listed.has(name) || isMatch(name));
  return Object.fromEntries(chosen.map(([name, value]) => [rename(name), value]));
}

function compile(pattern: string): (text: string) => boolean {
  if (pattern === "") return () => false;
  const compiled = tryCompilePattern(pattern);
  if (compiled) return compiled;
  const reason =
    pattern.includes("(") && !pattern.includes(")") ? "missing closing )" : "invalid pattern";
  throw new InvalidArgumentError(`error parsing regexp: ${reason}: \`${pattern}\``);
}

function splitVariable(text: string): readonly [string, string] {
  const at = text.indexOf("=");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
