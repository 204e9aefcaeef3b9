import type { LogEntry, LoggedContainer, LogShipper, ShippingDriver } from "#logs/logs.ts";
import { chosenAttributes } from "#logs/options/attributes.ts";
import { formatTag } from "#logs/options/tag.ts";
import { lineOf, type ShippingParts } from "#logs/wire/parts.ts";
import { StreamConnection } from "#logs/wire/stream-connection.ts";
import { messageOf, UnavailableError } from "#base/errors.ts";
import { MessagePackWriter, parseAck } from "./msgpack.ts";
import { FLUENTD_OPTIONS, type FluentdOptions, parseFluentdOptions } from "./options.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
const CHUNK_ID_BYTES = 16;
/** Waits between tries grow by half, as in Fluentd's own logger for Go. */
const WAIT_GROWTH = 1.5;
const MAX_WAIT_MS = 60_000;
/** The spool counts bytes, the option events. */
const BYTES_PER_EVENT = 128;
const MIN_BUFFER_BYTES = 64 * 1024;
const MAX_BUFFER_BYTES = 64 * 1024 * 1024;

/** Docker's `fluentd`: Fluentd's forward protocol, one message an event, on TCP, TLS or a unix socket. */
export function fluentdDriver(parts: ShippingParts): ShippingDriver {
  return {
    name: "fluentd",
    options: FLUENTD_OPTIONS,
    validate: (options) => void parseFluentdOptions(options),
    delivery(options) {
      const { isAsync, bufferedEvents } = parseFluentdOptions(options);
      if (!isAsync) return undefined;
      const bytes = bufferedEvents * BYTES_PER_EVENT;
      const bufferBytes = Math.min(MAX_BUFFER_BYTES, Math.max(MIN_BUFFER_BYTES, bytes));
      return { isBlocking: false, bufferBytes };
    },
    async open(container, signal) {
      const options = parseFluentdOptions(container.options);
      const shipper = new FluentdShipper(parts, container, options);
      if (!options.isAsync) await shipper.connect(signal);
      return shipper;
    },
  };
}

class FluentdShipper implements LogShipper {
  readonly #parts: ShippingParts;
  readonly #options: FluentdOptions;
  readonly #tag: string;
  readonly #fields: readonly (readonly [string, string])[];
  readonly #writer = new MessagePackWriter();
  #connection: StreamConnection | undefined;
  #connectedMs = 0;
  #batch: readonly LogEntry[] = [];
  /** Entries of the batch that have gone. */
  #sent = 0;
  #failures = 0;

  constructor(parts: ShippingParts, container: LoggedContainer, options: FluentdOptions) {
    this.#parts = parts;
    this.#options = options;
    this.#tag = formatTag(container);
    this.#fields = Object.entries({
      container_id: container.id,
      container_name: `/${container.name}`,
      ...chosenAttributes(container),
    });
  }

  async connect(signal: AbortSignal): Promise<StreamConnection> {
    const { reconnectMs, isAsync } = this.#options;
    const isOld =
      isAsync && reconnectMs !== undefined && performance.now() - this.#connectedMs > reconnectMs;
    if (this.#connection?.isOpen && !isOld) return this.#connection;
    await this.#connection?.finish();
    this.#connection = await StreamConnection.open(this.#options.target, signal);
    this.#connectedMs = performance.now();
    return this.#connection;
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    if (entries !== this.#batch) {
      this.#batch = entries;
      this.#sent = 0;
    }
    try {
      await this.#sendRest(signal);
      this.#failures = 0;
    } catch (error) {
      signal.throwIfAborted();
      if (this.#isGivenUp(error)) return;
      const waitMs = this.#options.retryWaitMs * WAIT_GROWTH ** Math.min(this.#failures - 1, 20);
      await this.#parts.clock.delay(Math.min(MAX_WAIT_MS, Math.max(0, waitMs)), signal);
      throw error;
    }
  }

  #isGivenUp(error: unknown): boolean {
    const { maxRetries } = this.#options;
    if (++this.#failures <= maxRetries) return false;
    this.#failures = 0;
    this.#parts.warn(
      `Cannot send ${this.#batch.length - this.#sent} log entries to fluentd, gave up after ${maxRetries} retries: ${messageOf(error)}`,
    );
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.finish();
  }

  async #sendRest(signal: AbortSignal): Promise<void> {
    const connection = await this.connect(signal);
    const { writeTimeoutMs, asksForAck } = this.#options;
    const limited =
      writeTimeoutMs === undefined
        ? signal
        : AbortSignal.any([signal, AbortSignal.timeout(writeTimeoutMs)]);
    if (!asksForAck) {
      for (const entry of this.#batch.slice(this.#sent)) this.#encode(entry, "");
      await connection.write(this.#writer.take(), limited);
      this.#sent = this.#batch.length;
      return;
    }
    for (const entry of this.#batch.slice(this.#sent)) {
      const chunk = Buffer.from(this.#parts.randomBytes(CHUNK_ID_BYTES)).toString("base64");
      this.#encode(entry, chunk);
      await connection.write(this.#writer.take(), limited);
      await awaitAck(connection, chunk, limited);
      this.#sent++;
    }
  }

  #encode(entry: LogEntry, chunk: string): void {
    const writer = this.#writer;
    const { part } = entry;
    writer.array(4);
    writer.string(this.#tag);
    if (this.#options.hasSubSeconds) writer.eventTime(entry.timeNanos);
    else writer.integer(Number(entry.timeNanos / NANOS_PER_SECOND));
    const partial: readonly (readonly [string, string])[] = part
      ? [
          ["partial_message", "true"],
          ["partial_id", part.id],
          ["partial_ordinal", String(part.ordinal)],
          ["partial_last", String(part.isLast)],
        ]
      : [];
    const pairs = [...this.#fields, ["source", entry.stream] as const, ...partial];
    writer.map(pairs.length + 1);
    for (const [name, value] of pairs) {
      writer.string(name);
      writer.string(value);
    }
    writer.string("log");
    writer.string(lineOf(entry.bytes));
    writer.map(chunk === "" ? 0 : 1);
    if (chunk === "") return;
    writer.string("chunk");
    writer.string(chunk);
  }
}

async function awaitAck(
  connection: StreamConnection,
  chunk: string,
  signal: AbortSignal,
): Promise<void> {
  let answer = "";
  await connection.read((received) => {
    const { length, ack } = parseAck(received);
    if (length > 0) answer = ack;
    return length;
  }, signal);
  if (answer !== chunk) {
    connection[Symbol.dispose]();
    throw new UnavailableError(`fluentd acknowledged ${answer}, not ${chunk}`);
  }
}
