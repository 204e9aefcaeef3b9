import { FailedPreconditionError, messageOf } from "#base/errors.ts";

/** In bytes: what one line, or the last words on standard error, may have. */
const LONGEST_LINE = 1024 * 1024;
const LAST_WORDS = 4096;

export interface Program {
  readonly path: string;
  readonly args: readonly string[];
  /** All that it has: nothing is inherited. */
  readonly environment: ReadonlyMap<string, string>;
  readonly folder: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Ended {
  /** 128 and the signal's number where one ended it. */
  readonly exitCode: number;
  /** The last it wrote on standard error, without the line break. */
  readonly lastWords: string;
}

/**
 * Runs a program to its end.
 *
 * @param onLine Each line of its standard output; an error ends the program, too.
 * @throws {FailedPreconditionError} It cannot be started, or writes a line of more than 1 MiB.
 */
export async function runProgram(
  { path, args, environment, folder, signal }: Program,
  onLine: (line: string) => void,
): Promise<Ended> {
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([path, ...args], {
      cwd: folder,
      env: Object.fromEntries(environment),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    throw new FailedPreconditionError(`Cannot run ${path}: ${messageOf(cause)}`, { cause });
  }
  const lastWords = lastOf(child.stderr);
  try {
    await eachLine(child.stdout, path, onLine);
  } catch (error) {
    child.kill("SIGKILL");
    await child.exited;
    throw error;
  }
  return { exitCode: await child.exited, lastWords: await lastWords };
}

async function eachLine(
  stream: ReadableStream<Uint8Array>,
  path: string,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line.replace(/\r$/, ""));
    if (rest.length <= LONGEST_LINE) continue;
    throw new FailedPreconditionError(`${path} wrote a line of more than 1 MiB`);
  }
  if (rest !== "") onLine(rest);
}

async function lastOf(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text = (text + decoder.decode(chunk, { stream: true })).slice(-LAST_WORDS);
  }
  return text.trimEnd().split("\n").at(-1) ?? "";
}
