import { closeSync, constants, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, messageOf, UnavailableError } from "#base/errors.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";
import type { Processes } from "#host/processes.ts";
import { batchOf } from "#logs/batch.ts";
import type {
  LogBatch,
  LogEntry,
  LogReadRequest,
  LogShipper,
  LoggedContainer,
  ShippingDriver,
} from "#logs/logs.ts";
import { PluginRefusedError, RETRY_MS } from "#plugins/client.ts";
import type { Plugin, Plugins } from "#plugins/plugins.ts";
import { decodeEntries, encodeEntry } from "./entry-codec.ts";

const CALL_TIMEOUT_MS = 30_000;
/** How long a plugin may take from its answer to opening the fifo. */
const OPEN_TIMEOUT_MS = 10_000;
const POLL_MS = 5;
/** A plugin that takes nothing for so long is begun with anew. */
const STALL_MS = 10_000;
/** Where a managed plugin sees its fifos, as in Docker. */
const FIFOS_IN_PLUGIN = "/run/docker/logging";

export interface PluginLogParts {
  readonly plugins: Plugins;
  readonly processes: Pick<Processes, "run">;
  readonly clock: { delay(delayMs: number, signal?: AbortSignal): Promise<void> };
  readonly randomBytes: (count: number) => Uint8Array;
  /** Of the fifos to plugins of the host: on the run state's tmpfs. */
  readonly fifoDirectory: string;
}

/**
 * A log driver that is a plugin: it reads the entries from a fifo that `LogDriver.StartLogging` names. When it dies, the
 * next try begins a new fifo; what the old one held, 64 KiB at most, is lost with it.
 *
 * @see Docker Engine, "Docker log driver plugins".
 */
export function pluginLogDriver(parts: PluginLogParts, name: string): ShippingDriver {
  return {
    name,
    options: [],
    takesAnyOption: true,
    validate: () => undefined,
    async open(container, signal) {
      const shipper = new PluginShipper(parts, name, container);
      await shipper.begin(signal);
      return shipper;
    },
    read: (container, request, signal) =>
      readFromPlugin(parts, name, { container, request }, signal),
  };
}

interface Stream {
  readonly plugin: Plugin;
  readonly descriptor: number;
  readonly hostPath: string;
  readonly pluginPath: string;
}

class PluginShipper implements LogShipper {
  readonly #parts: PluginLogParts;
  readonly #name: string;
  readonly #container: LoggedContainer;
  #stream: Stream | undefined;
  #batch: readonly LogEntry[] = [];
  /** Of the batch, what has gone into the fifo in whole. */
  #sent = 0;

  constructor(parts: PluginLogParts, name: string, container: LoggedContainer) {
    this.#parts = parts;
    this.#name = name;
    this.#container = container;
  }

  async begin(signal: AbortSignal): Promise<void> {
    this.#stream ??= await openStream(this.#parts, this.#name, this.#container, signal);
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    if (entries !== this.#batch) {
      this.#batch = entries;
      this.#sent = 0;
    }
    try {
      await this.begin(signal);
      for (const entry of entries.slice(this.#sent)) {
        await this.#write(encodeEntry(entry), signal);
        this.#sent++;
      }
    } catch (error) {
      // half an entry may be in the fifo: whatever happened, it cannot be gone on with
      await this.#end();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
  }

  async #write(bytes: Buffer, signal: AbortSignal): Promise<void> {
    const stream = this.#stream;
    if (!stream) return;
    let waitedMs = 0;
    for (let at = 0; at < bytes.byteLength; ) {
      const written = tryWrite(stream.descriptor, bytes.subarray(at));
      if (written > 0) {
        at += written;
        waitedMs = 0;
        continue;
      }
      if (waitedMs >= STALL_MS) {
        throw new UnavailableError(
          `log plugin ${JSON.stringify(this.#name)} has taken nothing for ${STALL_MS / 1000} seconds`,
        );
      }
      await this.#parts.clock.delay(POLL_MS, signal);
      waitedMs += POLL_MS;
    }
  }

  async #end(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream) await closeStream(stream);
  }
}

/** @returns 0 where the fifo is full. @throws {UnavailableError} Nobody reads it any more. */
function tryWrite(descriptor: number, bytes: Buffer): number {
  try {
    return writeSync(descriptor, bytes);
  } catch (error) {
    if (codeOf(error) === "EAGAIN") return 0;
    throw new UnavailableError(`the log plugin has closed its fifo: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function openStream(
  parts: PluginLogParts,
  name: string,
  container: LoggedContainer,
  signal: AbortSignal,
): Promise<Stream> {
  const plugin = await parts.plugins.get(name, "LogDriver", signal);
  const id = Buffer.from(parts.randomBytes(32)).toString("hex");
  const scoped = plugin.hostPath(FIFOS_IN_PLUGIN);
  const isManaged = scoped !== FIFOS_IN_PLUGIN;
  const directory = isManaged ? scoped : parts.fifoDirectory;
  const hostPath = join(directory, id);
  const pluginPath = isManaged ? join(FIFOS_IN_PLUGIN, id) : hostPath;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rmSync(hostPath, { force: true }));
  await makeFifo(parts, hostPath, signal);
  const body = { File: pluginPath, Info: infoOf(container) };
  await plugin.client.call("LogDriver.StartLogging", body, refusing, {
    timeoutMs: CALL_TIMEOUT_MS,
    retryMs: RETRY_MS,
    signal,
  });
  const descriptor = await openFifo(parts, name, hostPath, signal);
  undo.move();
  return { plugin, descriptor, hostPath, pluginPath };
}

function refusing(answer: { string(key: string): string | undefined }): void {
  const refusal = answer.string("Err");
  if (refusal) throw new PluginRefusedError(`error creating logger: ${refusal}`);
}

async function makeFifo(parts: PluginLogParts, path: string, signal: AbortSignal): Promise<void> {
  const result = await parts.processes.run(
    { argv: ["/usr/bin/mkfifo", "-m", "600", path], env: { LC_ALL: "C" } },
    signal,
  );
  if (result.code !== 0) {
    throw new FailedPreconditionError(`Cannot make a fifo for logs: ${result.stderr.trim()}`);
  }
}

/** A fifo can be opened for writing, without waiting in the kernel, once it is open for reading. */
async function openFifo(
  parts: PluginLogParts,
  name: string,
  path: string,
  signal: AbortSignal,
): Promise<number> {
  for (let waitedMs = 0; ; waitedMs += POLL_MS) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      if (codeOf(error) !== "ENXIO") throw error;
    }
    if (waitedMs >= OPEN_TIMEOUT_MS) {
      throw new UnavailableError(
        `log plugin ${JSON.stringify(name)} has not opened its fifo within ${OPEN_TIMEOUT_MS / 1000} seconds`,
      );
    }
    await parts.clock.delay(POLL_MS, signal);
  }
}

/** The plugin reads to the end; one that is gone needs no word. */
async function closeStream({ plugin, descriptor, hostPath, pluginPath }: Stream): Promise<void> {
  closeSync(descriptor);
  try {
    await plugin.client.call("LogDriver.StopLogging", { File: pluginPath }, () => undefined, {
      timeoutMs: CALL_TIMEOUT_MS,
    });
  } catch {
    // what it has, it has: the log's own copy is complete
  } finally {
    rmSync(hostPath, { force: true });
  }
}

async function* readFromPlugin(
  parts: PluginLogParts,
  name: string,
  what: { readonly container: LoggedContainer; readonly request: LogReadRequest },
  signal: AbortSignal,
): AsyncGenerator<LogBatch> {
  const { container, request } = what;
  const plugin = await parts.plugins.get(name, "LogDriver", signal);
  const canRead = await plugin.client.call(
    "LogDriver.Capabilities",
    {},
    (answer) => answer.object("Cap")?.boolean("ReadLogs") === true,
    { timeoutMs: CALL_TIMEOUT_MS, signal },
  );
  if (!canRead) {
    throw new FailedPreconditionError("configured logging driver does not support reading");
  }
  const body = {
    Info: infoOf(container),
    Config: {
      ...(request.sinceNanos === undefined ? {} : { Since: formatRfc3339(request.sinceNanos) }),
      ...(request.untilNanos === undefined ? {} : { Until: formatRfc3339(request.untilNanos) }),
      Tail: request.tail ?? -1,
      Follow: request.follow,
    },
  };
  const chunks = await plugin.client.open("LogDriver.ReadLogs", body, signal);
  for await (const entries of decodeEntries(chunks)) {
    yield batchOf(entries.filter(({ stream }) => request[stream]));
  }
}

function infoOf(container: LoggedContainer): object {
  const [entrypoint = "", ...args] = container.command;
  return {
    Config: container.options,
    ContainerID: container.id,
    ContainerName: `/${container.name}`,
    ContainerEntrypoint: entrypoint,
    ContainerArgs: args,
    ContainerImageID: container.imageId,
    ContainerImageName: container.imageName,
    ContainerCreated: formatRfc3339(container.createdNanos),
    ContainerEnv: container.env,
    ContainerLabels: container.labels,
    LogPath: "",
    DaemonName: "docker",
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
