import type { CommandOptions } from "./command.ts";

/** An engine under measurement. */
export interface Contender {
  readonly name: string;
  /** The argv that makes its client do what `words` say. */
  argv(words: readonly string[]): string[];
  /** The argv of a program of its own for builds; its client does them where absent. */
  builder?(words: readonly string[]): string[];
  /** Runs its client to the end. @returns What it printed. @throws {Error} When it fails. */
  cli(words: readonly string[], options?: CommandOptions): Promise<string>;
  /** Socket of its Engine API. */
  readonly socket: string;
  /** Every process that belongs to the engine, and to no container, names one of these in its command line. */
  readonly traces: readonly string[];
  /** Of an engine with a daemon. */
  readonly daemon?: Daemon;
}

/** How a daemon is ended and started again, its containers left alone. */
export interface Daemon {
  readonly pid: number;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>;
  /** Starts it; its API is asked until it answers. */
  start(): Promise<void>;
}

/** One request of the Engine API; all of the answer. @throws {Error} When it is refused. */
export async function ask(
  contender: Contender,
  method: string,
  path: string,
  body?: object,
): Promise<string> {
  const answer = await fetch(`http://engine/v1.41${path}`, {
    unix: contender.socket,
    method,
    signal: AbortSignal.timeout(300_000),
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${contender.name}: ${method} ${path}: ${answer.status} ${text}`);
  return text;
}

/** Works through all of `items`, so many at a time. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const waiting = [...items];
  const lane = async (): Promise<void> => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
