import type { Output } from "#cli/output/streams.ts";
import { demultiplex } from "#client/stdcopy.ts";
import type { Engine } from "#compose/act/act-parts.ts";
import { inspectContainer } from "#compose/act/await-condition.ts";

/** Colours of the prefixes, in their turn. */
const COLOURS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

export interface LogStyle {
  readonly isColoured: boolean;
  readonly hasPrefix: boolean;
}

export interface LogSource {
  readonly id: string;
  /** `web-1`: the container's name without the project's. */
  readonly label: string;
}

export interface LogQuery {
  readonly follow: boolean;
  readonly tail: string;
  readonly since?: string;
  readonly until?: string;
  readonly timestamps: boolean;
}

/** Prints the logs of several containers, line by line, each with its label in a column of its own. */
export class LogPrinter {
  readonly #engine: Pick<Engine, "request" | "getJson">;
  readonly #output: Output;
  readonly #errors: Output;
  readonly #style: LogStyle;
  readonly #colours = new Map<string, number>();
  #width = 0;

  constructor(
    engine: Pick<Engine, "request" | "getJson">,
    output: Output,
    errors: Output,
    style: LogStyle,
  ) {
    this.#engine = engine;
    this.#output = output;
    this.#errors = errors;
    this.#style = style;
  }

  /** Makes the column wide enough, and gives each its colour: the same ones have the same at every call. */
  announce(labels: readonly string[]): void {
    for (const label of labels.toSorted()) {
      if (this.#colours.has(label)) continue;
      this.#colours.set(label, COLOURS[this.#colours.size % COLOURS.length] ?? 36);
    }
    this.#width = Math.max(this.#width, ...labels.map((label) => label.length));
  }

  /** Until the container ends where it is followed, or the signal aborts. */
  async print({ id, label }: LogSource, query: LogQuery, signal?: AbortSignal): Promise<void> {
    this.announce([label]);
    const { follow, tail, since, until, timestamps } = query;
    const answer = await this.#engine.request("GET", `/containers/${id}/logs`, {
      query: {
        stdout: true,
        stderr: true,
        follow: follow || undefined,
        tail,
        since,
        until,
        timestamps: timestamps || undefined,
      },
      ...(signal === undefined ? {} : { signal }),
    });
    const isRaw = answer.header("content-type") === "application/vnd.docker.raw-stream";
    const lines = { stdout: new Lines(), stderr: new Lines() };
    const write = (stream: "stdout" | "stderr", line: string): void => {
      (stream === "stdout" ? this.#output : this.#errors).write(`${this.#prefix(label)}${line}\n`);
    };
    if (isRaw) {
      for await (const bytes of answer.body()) {
        for (const line of lines.stdout.push(bytes)) write("stdout", line.replace(/\r$/, ""));
      }
    } else {
      for await (const { stream, payload } of demultiplex(answer.body())) {
        const kind = stream === "stderr" ? "stderr" : "stdout";
        for (const line of lines[kind].push(payload)) write(kind, line);
      }
    }
    for (const kind of ["stdout", "stderr"] as const) {
      const rest = lines[kind].rest();
      if (rest !== "") write(kind, rest);
    }
  }

  /** What is said about a container itself: `web-1 exited with code 0`. */
  say(label: string, what: string): void {
    const text = this.#style.hasPrefix ? `${label} ${what}` : what;
    this.#output.write(`${this.#coloured(label, text)}\n`);
  }

  #prefix(label: string): string {
    if (!this.#style.hasPrefix) return "";
    return this.#coloured(label, `${label.padEnd(this.#width)}  | `);
  }

  #coloured(label: string, text: string): string {
    const colour = this.#colours.get(label) ?? 36;
    return this.#style.isColoured ? `\u001b[${colour}m${text}\u001b[0m` : text;
  }
}

/** In characters. */
const LONGEST_LINE = 1 << 20;

/** Bytes as whole lines. */
class Lines {
  readonly #decoder = new TextDecoder();
  #waiting = "";

  push(bytes: Uint8Array): readonly string[] {
    const lines = (this.#waiting + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#waiting = lines.pop() ?? "";
    // one that never ends is shown in pieces
    if (this.#waiting.length > LONGEST_LINE) return [...lines, this.rest()];
    return lines;
  }

  rest(): string {
    const rest = this.#waiting + this.#decoder.decode();
    this.#waiting = "";
    return rest;
  }
}

/** The exit code of a container that has ended. */
export async function exitCodeOf(id: string, engine: Pick<Engine, "getJson">): Promise<number> {
  return (await inspectContainer(id, { engine })).State.ExitCode;
}

/** `p-web-1` of the project `p` is `web-1`; a name of its own stays whole. */
export function shortName(projectName: string, containerName: string): string {
  const isOwn = [`${projectName}-`, `${projectName}_`].some((one) => containerName.startsWith(one));
  return isOwn ? containerName.slice(projectName.length + 1) : containerName;
}
