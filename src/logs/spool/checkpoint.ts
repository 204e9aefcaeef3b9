import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { ParserState } from "./parse.ts";

/**
 * How far one reader of a spool had got, and what it had made of that by then. A daemon that was killed later
 * than this reads the same bytes again; how much of what it makes of them is there already, the sink knows.
 */
export interface Checkpoint {
  /** First bytes of the segment; empty when nothing of it was read. */
  readonly head: string;
  /** Bytes of the segment that were taken over. */
  readonly offset: number;
  readonly parser: ParserState;
  readonly sink: unknown;
}

export function readCheckpoint(path: string): Checkpoint | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
  return tryParse(text);
}

/** By rename: a reader finds the old one or the new one. */
export function writeCheckpoint(path: string, checkpoint: Checkpoint): void {
  writeFileSync(`${path}.tmp`, JSON.stringify(checkpoint), { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

export function removeCheckpoint(path: string): void {
  rmSync(path, { force: true });
}

/** After a power cut the file may be empty: the spool is then read from its beginning. */
function tryParse(text: string): Checkpoint | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { head, offset, parser, sink }: Partial<Record<keyof Checkpoint, unknown>> = value;
    if (typeof head !== "string" || typeof offset !== "number") return undefined;
    return { head, offset, parser: readParserState(parser), sink };
  } catch {
    return undefined;
  }
}

function readParserState(value: unknown): ParserState {
  if (typeof value !== "object" || value === null) return {};
  const { stdout, stderr }: { readonly stdout?: unknown; readonly stderr?: unknown } = value;
  const [out, error] = [readPending(stdout), readPending(stderr)];
  return { ...(out && { stdout: out }), ...(error && { stderr: error }) };
}

function readPending(
  value: unknown,
): { readonly time: string; readonly bytes: string } | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { time, bytes }: { readonly time?: unknown; readonly bytes?: unknown } = value;
  return typeof time === "string" && typeof bytes === "string" ? { time, bytes } : undefined;
}
