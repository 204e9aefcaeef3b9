import { closeSync, existsSync } from "node:fs";
import { constants } from "node:os";
import { FailedPreconditionError, NotFoundError, ResourceExhaustedError } from "#base/errors.ts";
import type {
  ExitStatus,
  RunResult,
  SpawnedProcess,
  SpawnOptions,
  StdioTarget,
} from "#host/processes.ts";
import { describe, errnoOf, errnos, systemError } from "#host/linux/ffi/errno.ts";
import { type Libc, O_CLOEXEC } from "#host/linux/ffi/libc.ts";
import type { JsThread } from "#host/linux/thread.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
/** Of a socket to a child: larger than the kernel's 200 KB, so that neither side waits for each piece. */
const SOCKET_BUFFER_BYTES = 1 << 20;
const DEFAULT_OUTPUT_BYTES = 1 << 20;

export interface SpawnContext {
  readonly libc: Libc;
  readonly thread: JsThread;
  /** Put before the command of a spawn that hides the v2 cgroup. */
  readonly launcherPath: string | undefined;
}

type BunStdio = "ignore" | "inherit" | "pipe" | number | Uint8Array;
type BunStdioTuple = [
  Bun.SpawnOptions.Writable,
  Bun.SpawnOptions.Readable,
  Bun.SpawnOptions.Readable,
  ...Bun.SpawnOptions.Readable[],
];
type Child = Bun.Subprocess<
  Bun.SpawnOptions.Writable,
  Bun.SpawnOptions.Readable,
  Bun.SpawnOptions.Readable
>;

/** @see Processes.spawn */
export function spawnProcess(context: SpawnContext, options: SpawnOptions): SpawnedProcess {
  const theirs: number[] = [];
  const pipes: (number | undefined)[] = [];
  try {
    const stdio = options.stdio.map((target, position) => {
      if (target !== "pipe") {
        pipes.push(undefined);
        return inherited(target, position);
      }
      const ends = openPipe(context.libc, position);
      pipes.push(ends.ours);
      theirs.push(ends.theirs);
      return ends.theirs;
    });
    const { child, exited } = startChild(context, options, stdio);
    return { pid: child.pid, exited, pipes };
  } catch (error) {
    for (const fd of pipes) if (fd !== undefined) closeSync(fd);
    throw error;
  } finally {
    for (const fd of theirs) closeSync(fd);
  }
}

/** @see Processes.run */
export async function runProcess(
  context: SpawnContext,
  options: Omit<SpawnOptions, "stdio" | "detached"> & {
    readonly input?: string;
    readonly maxOutputBytes?: number;
  },
  signal?: AbortSignal,
): Promise<RunResult> {
  signal?.throwIfAborted();
  const input = options.input === undefined ? "ignore" : Buffer.from(options.input);
  const { child, exited } = startChild(context, options, [input, "pipe", "pipe"]);
  const onAbort = (): void => child.kill("SIGKILL");
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    const limit = options.maxOutputBytes ?? DEFAULT_OUTPUT_BYTES;
    const [stdout, stderr, status] = await Promise.all([
      collect(child, child.stdout, limit),
      collect(child, child.stderr, limit),
      exited,
    ]);
    signal?.throwIfAborted();
    if (stdout === undefined || stderr === undefined) {
      throw new ResourceExhaustedError(
        `Cannot collect the output of ${commandOf(options)}: more than ${limit} bytes`,
      );
    }
    return { ...status, stdout, stderr };
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function startChild(
  context: SpawnContext,
  options: Omit<SpawnOptions, "stdio">,
  stdio: readonly BunStdio[],
): { readonly child: Child; readonly exited: Promise<ExitStatus> } {
  const launcher = options.hideUnifiedCgroup === true ? context.launcherPath : undefined;
  const argv = launcher === undefined ? options.argv : [launcher, ...options.argv];
  const { promise: exited, resolve } = Promise.withResolvers<ExitStatus>();
  const start = (): Child =>
    Bun.spawn([...argv], {
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: [...stdio] as BunStdioTuple, // three at least, which an array type cannot say
      detached: options.detached ?? false,
      onExit: (_, code, signal) => resolve(toStatus(code, signal)),
    });
  try {
    const path = options.networkNamespacePath;
    const child = path === undefined ? start() : context.thread.inNetwork(path, start);
    if (options.detached === true) child.unref();
    return { child, exited };
  } catch (error) {
    throw spawnError(error, options);
  }
}

/** @returns Undefined when there was more than `limitBytes`; the child is killed then. */
async function collect(
  child: Child,
  stream: Child["stdout"],
  limitBytes: number,
): Promise<string | undefined> {
  if (!(stream instanceof ReadableStream)) return "";
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  for await (const chunk of stream) {
    lengthBytes += chunk.length;
    if (lengthBytes <= limitBytes) chunks.push(chunk);
    else child.kill("SIGKILL");
  }
  return lengthBytes <= limitBytes ? Buffer.concat(chunks).toString("utf8") : undefined;
}

function openPipe(
  libc: Libc,
  position: number,
): { readonly ours: number; readonly theirs: number } {
  const pair = new Int32Array(2);
  const result =
    position < 3
      ? libc.call.pipe2(pair, O_CLOEXEC)
      : libc.call.socketpair(AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, pair);
  if (result !== 0) throw systemError("Cannot make a pipe to a process", libc.errno());
  const [readEnd = -1, writeEnd = -1] = pair;
  // a kernel that grants less is as right, and slower
  const size = Int32Array.of(SOCKET_BUFFER_BYTES);
  if (position >= 3) libc.call.setsockopt(readEnd, SOL_SOCKET, SO_SNDBUF, size, 4);
  return position === 0 ? { ours: writeEnd, theirs: readEnd } : { ours: readEnd, theirs: writeEnd };
}

function inherited(target: Exclude<StdioTarget, "pipe">, position: number): BunStdio {
  // Bun knows "inherit" for the first three only; any other is the daemon's descriptor of that number.
  return target === "inherit" && position >= 3 ? position : target;
}

function toStatus(code: number | null, signal: NodeJS.Signals | number | null): ExitStatus {
  if (signal !== null) {
    return { signal: typeof signal === "number" ? signal : constants.signals[signal] };
  }
  return code === null ? {} : { code };
}

function spawnError(error: unknown, options: Omit<SpawnOptions, "stdio">): unknown {
  const errno = errnoOf(error);
  if (errno === undefined) return error;
  const attempt = `Cannot start ${commandOf(options)}`;
  if (errno !== errnos.ENOENT) return systemError(attempt, errno);
  // posix_spawn(3) gives one ENOENT for the executable, its interpreter and the working directory.
  const { cwd, argv } = options;
  if (cwd !== undefined && !existsSync(cwd)) {
    return new NotFoundError(`${attempt}: its working directory "${cwd}" does not exist`);
  }
  if (existsSync(argv[0] ?? "")) {
    return new FailedPreconditionError(`${attempt}: its interpreter does not exist`);
  }
  return new NotFoundError(`${attempt}: ${describe(errno)}`);
}

function commandOf(options: { readonly argv: readonly string[] }): string {
  return `"${options.argv[0] ?? ""}"`;
}
