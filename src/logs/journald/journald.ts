import { statSync } from "node:fs";
import { FailedPreconditionError } from "#base/errors.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";
import type { DatagramSocket } from "#host/sockets.ts";
import type { LogEntry, LoggedContainer, LogShipper, ShippingDriver } from "#logs/logs.ts";
import { chosenAttributes } from "#logs/options/attributes.ts";
import { formatTag } from "#logs/options/tag.ts";
import { lineOf, type ShippingParts } from "#logs/wire/parts.ts";

const SOCKET_PATH = "/run/systemd/journal/socket";
const SHORT_ID_LENGTH = 12;
const PRIORITIES = { stdout: "6", stderr: "3" } as const;
const NEWLINE = 0x0a;

/**
 * Docker's `journald`, by the journal's native protocol. It is read from the engine's own copy; the journal's
 * files need no reader here.
 *
 * @see https://systemd.io/JOURNAL_NATIVE_PROTOCOL
 */
export function journaldDriver(parts: ShippingParts, path: string = SOCKET_PATH): ShippingDriver {
  return {
    name: "journald",
    options: [],
    validate: () => undefined,
    async open(container) {
      if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) {
        throw new FailedPreconditionError("journald is not enabled on this host");
      }
      return new JournaldShipper(parts, container, path);
    },
  };
}

class JournaldShipper implements LogShipper {
  readonly #parts: ShippingParts;
  readonly #path: string;
  readonly #fixed: Buffer;
  readonly #epoch: string;
  #ordinal = 0;
  #socket: DatagramSocket | undefined;

  constructor(parts: ShippingParts, container: LoggedContainer, path: string) {
    this.#parts = parts;
    this.#path = path;
    this.#epoch = Buffer.from(parts.randomBytes(32)).toString("hex");
    const tag = formatTag(container);
    const fields = {
      CONTAINER_ID: container.id.slice(0, SHORT_ID_LENGTH),
      CONTAINER_ID_FULL: container.id,
      CONTAINER_NAME: container.name,
      CONTAINER_TAG: tag,
      IMAGE_NAME: container.imageName,
      SYSLOG_IDENTIFIER: tag,
      ...chosenAttributes(container, fieldName),
    };
    this.#fixed = Buffer.concat(
      Object.entries(fields).map(([name, value]) => formatField(name, Buffer.from(value))),
    );
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    for (const entry of entries) {
      this.#socket ??= this.#parts.sockets.connectDatagram(this.#path);
      try {
        await this.#socket.send(this.#format(entry), signal);
      } catch (error) {
        this.#socket[Symbol.dispose]();
        this.#socket = undefined;
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket?.[Symbol.dispose]();
  }

  #format(entry: LogEntry): Buffer {
    const { part } = entry;
    const fields: Record<string, string> = {
      PRIORITY: PRIORITIES[entry.stream],
      SYSLOG_TIMESTAMP: formatRfc3339(entry.timeNanos),
      CONTAINER_LOG_EPOCH: this.#epoch,
      CONTAINER_LOG_ORDINAL: String(++this.#ordinal),
      ...(part && {
        CONTAINER_PARTIAL_ID: part.id,
        CONTAINER_PARTIAL_ORDINAL: String(part.ordinal),
        CONTAINER_PARTIAL_LAST: String(part.isLast),
        ...(part.isLast ? {} : { CONTAINER_PARTIAL_MESSAGE: "true" }),
      }),
    };
    return Buffer.concat([
      this.#fixed,
      ...Object.entries(fields).map(([name, value]) => formatField(name, Buffer.from(value))),
      formatField("MESSAGE", Buffer.from(lineOf(entry.bytes))),
    ]);
  }
}

/** Capitals, digits and underscores, none of these in front: what the journal takes. */
function fieldName(name: string): string {
  return name
    .toUpperCase()
    .replace(/[^A-Z0-9]/g, "_")
    .replace(/^_+/, "");
}

/** With its length where the value has a newline. */
function formatField(name: string, value: Buffer): Buffer {
  if (name === "") return Buffer.alloc(0);
  if (!value.includes(NEWLINE)) {
    return Buffer.concat([Buffer.from(`${name}=`), value, Buffer.of(NEWLINE)]);
  }
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.of(NEWLINE)]);
}
