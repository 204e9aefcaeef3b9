import { deflateSync, gzipSync } from "node:zlib";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";
import type {
  LogEntry,
  LoggedContainer,
  LogOptions,
  LogShipper,
  ShippingDriver,
} from "#logs/logs.ts";
import { chosenAttributes } from "#logs/options/attributes.ts";
import { formatTag } from "#logs/options/tag.ts";
import { parseAddress } from "#logs/wire/address.ts";
import { lineOf, type ShippingParts } from "#logs/wire/parts.ts";
import { StreamConnection } from "#logs/wire/stream-connection.ts";
import { UdpSender } from "#logs/wire/udp.ts";

const OPTIONS = [
  "gelf-address",
  "gelf-compression-level",
  "gelf-compression-type",
  "gelf-tcp-max-reconnect",
  "gelf-tcp-reconnect-delay",
] as const;

/** GELF 1.1, "Chunking": at most 128 chunks; 1420 bytes fit any Ethernet. */
const CHUNK_BYTES = 1420;
const CHUNK_HEAD_BYTES = 12;
const MAX_CHUNKS = 128;
const LEVELS = { stdout: 6, stderr: 3 } as const;
const DEFAULT_LEVEL = 1;
const DEFAULT_RECONNECTS = 3;
const DEFAULT_RECONNECT_DELAY_SECONDS = 1;

interface GelfOptions {
  readonly isTcp: boolean;
  readonly host: string;
  readonly port: number;
  readonly compression: "gzip" | "zlib" | "none";
  readonly level: number;
  readonly maxReconnects: number;
  readonly reconnectDelayMs: number;
}

/** Docker's `gelf`: Graylog's format, by UDP in chunks and compressed, or by TCP with zeros between. */
export function gelfDriver(parts: ShippingParts): ShippingDriver {
  return {
    name: "gelf",
    options: OPTIONS,
    validate: (options) => void parseOptions(options),
    async open(container, signal) {
      const options = parseOptions(container.options);
      const { host, port } = options;
      const message = messageFor(parts, container);
      if (!options.isTcp) {
        return new UdpShipper(parts, options, message, await UdpSender.open(host, port));
      }
      const shipper = new TcpShipper(parts, options, message);
      await shipper.connect(signal);
      return shipper;
    },
  };
}

/** @throws {InvalidArgumentError} In Docker's words. */
function parseOptions(options: LogOptions): GelfOptions {
  const text = options["gelf-address"];
  if (!text) throw new InvalidArgumentError("gelf-address is a required parameter");
  if (!/^(?:tcp|udp):\/\//.test(text)) {
    throw new InvalidArgumentError("gelf: endpoint needs to be TCP or UDP");
  }
  const { scheme, host, port } = parseAddress(text);
  if (port === "") {
    throw new InvalidArgumentError("gelf: please provide gelf-address as proto://host:port");
  }
  const isTcp = scheme === "tcp";
  for (const name of ["gelf-compression-type", "gelf-compression-level"] as const) {
    if (isTcp && options[name] !== undefined) {
      throw new InvalidArgumentError("compression is only supported on UDP");
    }
  }
  for (const name of ["gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"] as const) {
    if (!isTcp && options[name] !== undefined) {
      throw new InvalidArgumentError(`"${name}" is only valid for TCP`);
    }
  }
  return {
    isTcp,
    host,
    port: Number(port),
    compression: parseCompression(options["gelf-compression-type"]),
    level: parseLevel(options["gelf-compression-level"]),
    maxReconnects: positive(options, "gelf-tcp-max-reconnect", DEFAULT_RECONNECTS),
    reconnectDelayMs:
      1000 * positive(options, "gelf-tcp-reconnect-delay", DEFAULT_RECONNECT_DELAY_SECONDS),
  };
}

function parseCompression(text = "gzip"): "gzip" | "zlib" | "none" {
  if (text === "gzip" || text === "zlib" || text === "none") return text;
  throw new InvalidArgumentError(
    `unknown value ${JSON.stringify(text)} for log opt "gelf-compression-type" for gelf log driver`,
  );
}

/** -1 is zlib's own choice. */
function parseLevel(text = String(DEFAULT_LEVEL)): number {
  if (/^(?:-1|\d)$/.test(text)) return Number(text);
  throw new InvalidArgumentError(
    `unknown value ${JSON.stringify(text)} for log opt "gelf-compression-level" for gelf log driver`,
  );
}

function positive(options: LogOptions, name: string, fallback: number): number {
  const text = options[name];
  if (text === undefined) return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`"${name}" must be a positive integer`);
}

/** Undefined for an empty line: GELF wants a message. */
type ToMessage = (entry: LogEntry) => Buffer | undefined;

function messageFor(parts: ShippingParts, container: LoggedContainer): ToMessage {
  const extras: Record<string, string> = {
    _command: container.command.join(" "),
    _container_id: container.id,
    _container_name: container.name,
    _created: formatRfc3339(container.createdNanos),
    _image_id: container.imageId,
    _image_name: container.imageName,
    _tag: formatTag(container),
    ...chosenAttributes(container, (name) => (name.startsWith("_") ? name : `_${name}`)),
  };
  return (entry) => {
    const text = Buffer.from(lineOf(entry.bytes)).toString("utf8");
    if (text === "") return undefined;
    const message = {
      version: "1.1",
      host: parts.hostname,
      short_message: text,
      timestamp: Number(entry.timeNanos / 1_000_000n) / 1000,
      level: LEVELS[entry.stream],
      ...extras,
    };
    return Buffer.from(JSON.stringify(message));
  };
}

class UdpShipper implements LogShipper {
  readonly #parts: ShippingParts;
  readonly #options: GelfOptions;
  readonly #message: ToMessage;
  readonly #sender: UdpSender;

  constructor(parts: ShippingParts, options: GelfOptions, message: ToMessage, sender: UdpSender) {
    this.#parts = parts;
    this.#options = options;
    this.#message = message;
    this.#sender = sender;
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    for (const entry of entries) {
      signal.throwIfAborted();
      const message = this.#message(entry);
      if (message) await this.#sendOne(this.#compressed(message));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#sender[Symbol.dispose]();
  }

  #compressed(message: Buffer): Buffer {
    const { compression, level } = this.#options;
    if (compression === "none") return message;
    return compression === "gzip" ? gzipSync(message, { level }) : deflateSync(message, { level });
  }

  async #sendOne(message: Buffer): Promise<void> {
    if (message.length <= CHUNK_BYTES) return await this.#sender.send(message);
    const chunks = chunked(message, this.#parts.randomBytes(8));
    if (chunks.length > MAX_CHUNKS) {
      this.#parts.warn(`Cannot send a log entry by GELF: it takes ${chunks.length} chunks`);
      return;
    }
    for (const chunk of chunks) await this.#sender.send(chunk);
  }
}

function chunked(message: Buffer, id: Uint8Array): readonly Buffer[] {
  const room = CHUNK_BYTES - CHUNK_HEAD_BYTES;
  const count = Math.ceil(message.length / room);
  return Array.from({ length: count }, (_, index) => {
    const head = Buffer.concat([Buffer.of(0x1e, 0x0f), id, Buffer.of(index, count & 0xff)]);
    return Buffer.concat([head, message.subarray(index * room, (index + 1) * room)]);
  });
}

class TcpShipper implements LogShipper {
  readonly #parts: ShippingParts;
  readonly #options: GelfOptions;
  readonly #message: ToMessage;
  #connection: StreamConnection | undefined;

  constructor(parts: ShippingParts, options: GelfOptions, message: ToMessage) {
    this.#parts = parts;
    this.#options = options;
    this.#message = message;
  }

  async connect(signal: AbortSignal): Promise<StreamConnection> {
    if (this.#connection?.isOpen) return this.#connection;
    const { host, port } = this.#options;
    try {
      this.#connection = await StreamConnection.open({ kind: "tcp", host, port }, signal);
      return this.#connection;
    } catch (error) {
      if (error instanceof Error) {
        error.message = `gelf: cannot connect to GELF endpoint: ${host}:${port} ${messageOf(error)}`;
      }
      throw error;
    }
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    const messages = entries.map(this.#message).filter((message) => message !== undefined);
    const bytes = Buffer.concat(messages.flatMap((message) => [message, Buffer.of(0)]));
    for (let tries = 0; ; tries++) {
      try {
        const connection = await this.connect(signal);
        await connection.write(bytes, signal);
        return;
      } catch (error) {
        // Then the pump asks again, from time to time.
        if (signal.aborted || tries >= this.#options.maxReconnects) throw error;
        await this.#parts.clock.delay(this.#options.reconnectDelayMs, signal);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection?.finish();
  }
}
