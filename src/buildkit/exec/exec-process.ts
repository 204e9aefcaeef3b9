import { BoundedQueue, deferred } from "#base/async.ts";
import { InvalidArgumentError, ResourceExhaustedError, UnsupportedError } from "#base/errors.ts";
import type { StepProcess } from "#builder/solver/step-runner.ts";
import type { RpcCall, RpcMethod } from "#rpc/method.ts";
import { statusOf, UNKNOWN } from "#rpc/status.ts";
import {
  EXEC_MESSAGE,
  type ExecMessage,
  type InitMessage,
  UNKNOWN_EXIT_CODE,
} from "#spec/buildkit/exec.ts";
import { parseSignal } from "#spec/engine-api/signals.ts";
import type { BuildContainers } from "./containers.ts";

const MOST_PROCESSES = 64;
/** What waits for a process that does not read, or for a client that does not. */
const WAITING_MAX_BYTES = 1024 * 1024;
/** Until the client tells of its own. */
const TERMINAL = { columns: 80, rows: 24 } as const;
const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

type Send = (message: Partial<ExecMessage>) => Promise<unknown>;

/** `ExecProcess`: all processes that a client runs in containers of a build, on one stream. They end with it. */
export function execProcessMethod(
  containersOf: (call: RpcCall) => Promise<BuildContainers>,
): RpcMethod {
  return async function* exec(call) {
    const containers = await containersOf(call);
    const messages = new BoundedQueue<Partial<ExecMessage>>({
      capacity: WAITING_MAX_BYTES,
      sizeOf: ({ file }) => 64 + (file?.data.byteLength ?? 0),
    });
    const ending = new AbortController();
    const signal = AbortSignal.any([call.signal, ending.signal]);
    const serving = serve(call, containers, (message) => messages.push(message, signal), signal);
    serving.then(
      () => messages.close(),
      (error: Error) => messages.close(error),
    );
    try {
      for await (const message of messages) yield EXEC_MESSAGE.encode(message);
    } finally {
      ending.abort();
      await serving.catch(() => undefined); // told by the queue
    }
  };
}

async function serve(
  { requests }: RpcCall,
  containers: BuildContainers,
  send: Send,
  signal: AbortSignal,
): Promise<void> {
  const processes = new Map<string, ServedProcess>();
  const running = new Set<Promise<void>>();
  try {
    for await (const bytes of requests) {
      const message = EXEC_MESSAGE.decode(bytes);
      const { processId, init } = message;
      const known = processes.get(processId);
      // what comes for one that has ended was on its way
      if (!init) await known?.take(message);
      else {
        if (known || processes.size >= MOST_PROCESSES) throw refusal(processId, known);
        const process = new ServedProcess(processId, send);
        processes.set(processId, process);
        running.add(
          process.run(containers, init, signal).finally(() => processes.delete(processId)),
        );
      }
    }
  } finally {
    await Promise.all(running);
  }
}

function refusal(processId: string, known: unknown): Error {
  return known
    ? new InvalidArgumentError(`process ${JSON.stringify(processId)} was started already`)
    : new ResourceExhaustedError(`Cannot start more than ${MOST_PROCESSES} processes at once`);
}

class ServedProcess {
  readonly #id: string;
  readonly #send: Send;
  readonly #input = new BoundedQueue<Uint8Array>({
    capacity: WAITING_MAX_BYTES,
    sizeOf: ({ byteLength }) => byteLength,
  });
  /** Undefined for one that could not be started. */
  readonly #process = deferred<StepProcess | undefined>();

  constructor(id: string, send: Send) {
    this.#id = id;
    this.#send = send;
  }

  /** Runs it to its end. Never rejects: the client is told. */
  async run(containers: BuildContainers, init: InitMessage, signal: AbortSignal): Promise<void> {
    const exit = await this.#exitOf(containers, init, signal);
    this.#process.resolve(undefined);
    this.#input.close();
    try {
      await this.#send({ processId: this.#id, exit });
      await this.#send({ processId: this.#id, done: {} });
    } catch {
      // the client has left
    }
  }

  /** What the client has for it. */
  async take({ file, resize, signal }: ExecMessage): Promise<void> {
    if (file?.descriptor === STDIN) {
      if (file.data.byteLength > 0) await this.#input.push(file.data);
      if (file.isEnd) this.#input.close();
      return;
    }
    const process = await this.#process.promise;
    // one that has just ended has no terminal
    if (resize) await process?.resize(resize).catch(() => undefined);
    if (signal) process?.kill(parseSignal(signal.name));
  }

  async #exitOf(
    containers: BuildContainers,
    init: InitMessage,
    signal: AbortSignal,
  ): Promise<NonNullable<ExecMessage["exit"]>> {
    let isTold = false;
    try {
      await using process = await start(containers, init, signal);
      this.#process.resolve(process);
      isTold = true;
      await this.#send({ processId: this.#id, started: {} });
      const code = await this.#follow(process, init, signal);
      if (code === 0) return { code, error: undefined };
      return { code, error: { code: UNKNOWN, message: `exit code: ${code}`, details: [] } };
    } catch (error) {
      // clients read nothing else of a process before that
      if (!isTold) await this.#send({ processId: this.#id, started: {} }).catch(() => undefined);
      return { code: UNKNOWN_EXIT_CODE, error: statusOf(error) };
    }
  }

  /** @returns Its exit code. An abort kills it. */
  async #follow(process: StepProcess, init: InitMessage, signal: AbortSignal): Promise<number> {
    const onAbort = (): void => void process.kill(SIGKILL);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    const feeding = this.#feed(process, init);
    try {
      await this.#tellOutput(process, init);
      return (await process.exited).exitCode;
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#input.close();
      await feeding;
    }
  }

  async #feed(process: StepProcess, { descriptors }: InitMessage): Promise<void> {
    try {
      if (descriptors.includes(STDIN)) {
        for await (const bytes of this.#input) await process.write(bytes);
      }
      process.endInput();
    } catch {
      // it has closed its input, or has ended
      this.#input.close();
    }
  }

  async #tellOutput(process: StepProcess, { descriptors }: InitMessage): Promise<void> {
    for await (const { stream, bytes } of process.output()) {
      const descriptor = stream === "stdout" ? STDOUT : STDERR;
      if (!descriptors.includes(descriptor)) continue;
      const file = { descriptor, isEnd: false, data: bytes };
      await this.#send({ processId: this.#id, file });
    }
    for (const descriptor of descriptors.filter((one) => one !== STDIN)) {
      const file = { descriptor, isEnd: true, data: new Uint8Array() };
      await this.#send({ processId: this.#id, file });
    }
  }
}

const SIGKILL = 9;

async function start(
  containers: BuildContainers,
  init: InitMessage,
  signal: AbortSignal,
): Promise<StepProcess> {
  const { containerId, meta, hasTerminal, security, secretEnv } = init;
  if (secretEnv.length > 0) {
    throw new UnsupportedError(
      "Cannot give a process secrets in its environment: it has those of the step that failed",
    );
  }
  if (!meta || meta.args.length === 0) {
    throw new InvalidArgumentError("Cannot start a process without a command");
  }
  const { args, env, user } = meta;
  const cwd = meta.cwd === "" ? "/" : meta.cwd;
  const terminal = hasTerminal ? TERMINAL : undefined;
  return await containers.start(containerId, { args, env, cwd, user, terminal }, security, signal);
}
