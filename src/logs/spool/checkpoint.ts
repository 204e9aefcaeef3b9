import { readFileSync, rmSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
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

/**
 * Writes checkpoints one after another, off the event loop: a rename over a file waits for the disk (ext4
 * writes the new one out first), beside a busy writer some 300 ms.
 */
export class CheckpointFile {
  readonly path: string;
  #last: Promise<void> = Promise.resolve();
  #pending = 0;

  constructor(path: string) {
    this.path = path;
  }

  get isWriting(): boolean {
    return this.#pending > 0;
  }

  /** By rename: a reader finds the old one or the new one. What it says is taken down before this returns. */
  async write(checkpoint: Checkpoint): Promise<void> {
    const text = JSON.stringify(checkpoint);
    this.#pending++;
    const written = this.#last.then(() => replace(this.path, text));
    this.#last = written.catch(() => undefined); // told to that caller
    try {
      await written;
    } finally {
      this.#pending--;
    }
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.isWriting) await this.#last;
  }
}

async function replace(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
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
