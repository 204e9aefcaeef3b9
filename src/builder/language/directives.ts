import { DockerfileError } from "./dockerfile-error.ts";

/** What the comments at the top of a Dockerfile say of the file itself. */
export interface Directives {
  readonly escape: "\\" | "`";
  /** The frontend that is asked for, as written: `docker/dockerfile:1`. */
  readonly syntax?: string;
  /** Options of the build checks, as written: `skip=all;error=true`. */
  readonly check?: string;
  /** Line of each directive, from 1. */
  readonly lines: Readonly<Record<string, number>>;
}

const DIRECTIVE = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;
const NAMES: ReadonlySet<string> = new Set(["escape", "syntax", "check"]);

/**
 * Reads the parser directives. The first line that is none ends them.
 *
 * @throws {DockerfileError} One that is there twice; an escape character that is none.
 */
export function parseDirectives(lines: readonly string[]): Directives {
  const values = new Map<string, string>();
  const places: Record<string, number> = {};
  for (const [index, line] of lines.entries()) {
    const [, key = "", value = ""] = DIRECTIVE.exec(line.trim()) ?? [];
    const name = key.toLowerCase();
    if (!NAMES.has(name)) break;
    const range = { startLine: index + 1, endLine: index + 1, column: 1 };
    if (values.has(name)) {
      throw new DockerfileError(`only one ${name} parser directive can be used`, range);
    }
    if (name === "escape" && value !== "\\" && value !== "`") {
      const reason = `invalid escape token '${value}' does not match ${"` or \\"}`;
      throw new DockerfileError(reason, range);
    }
    values.set(name, value);
    places[name] = index + 1;
  }
  const syntax = values.get("syntax");
  const check = values.get("check");
  return {
    escape: values.get("escape") === "`" ? "`" : "\\",
    ...(syntax === undefined ? {} : { syntax }),
    ...(check === undefined ? {} : { check }),
    lines: places,
  };
}

const SLASHES = /^\/\/\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

/**
 * The frontend that a file asks for in any of the ways that BuildKit sees: `# syntax=`, `// syntax=`,
 * `{"syntax": …}`, each also behind a `#!` line.
 */
export function detectSyntax(
  text: string,
): { readonly syntax: string; readonly line: number } | undefined {
  const all = text.replace(/^\uFEFF/, "").split("\n");
  const skipped = all[0]?.startsWith("#!") === true ? 1 : 0;
  const lines = all.slice(skipped);
  for (const pattern of [DIRECTIVE, SLASHES]) {
    for (const [index, line] of lines.entries()) {
      const [, key, value] = pattern.exec(line.trim()) ?? [];
      if (key === undefined) break;
      if (key.toLowerCase() === "syntax" && value !== undefined) {
        return { syntax: value, line: index + skipped + 1 };
      }
    }
  }
  const json = /^\s*\{[\s\S]*?"syntax"\s*:\s*"([^"]+)"/.exec(lines.join("\n"));
  return json?.[1] === undefined ? undefined : { syntax: json[1], line: skipped + 1 };
}
