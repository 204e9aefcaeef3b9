import { messageOf, UnavailableError } from "#base/errors.ts";
import type { LogEntry, LoggedContainer, LogShipper, ShippingDriver } from "#logs/logs.ts";
import { chosenAttributes } from "#logs/options/attributes.ts";
import { formatTag } from "#logs/options/tag.ts";
import type { ShippingParts } from "#logs/wire/parts.ts";
import { StreamConnection } from "#logs/wire/stream-connection.ts";
import { UdpSender } from "#logs/wire/udp.ts";
import { formatSyslog, frameWithLength, type SyslogSource } from "./format.ts";
import {
  parseFacility,
  parseFormat,
  parseTarget,
  SYSLOG_OPTIONS,
  type SyslogTarget,
  withTlsFiles,
} from "./options.ts";

const LOCAL_PATHS = ["/dev/log", "/var/run/syslog", "/var/run/log"];

/** Where messages go, one by one or joined. */
interface Line extends Disposable {
  readonly isOpen: boolean;
  send(messages: readonly Buffer[], signal: AbortSignal): Promise<void>;
}

/** Docker's `syslog`: RFC 3164, RFC 5424 or the host's own form, on UDP, TCP, TLS or a unix socket. */
export function syslogDriver(parts: ShippingParts): ShippingDriver {
  return {
    name: "syslog",
    options: SYSLOG_OPTIONS,
    validate(options) {
      parseTarget(options);
      parseFacility(options["syslog-facility"]);
      parseFormat(options["syslog-format"]);
    },
    async open(container, signal) {
      const target = parseTarget(container.options);
      const source: SyslogSource = {
        format: parseFormat(container.options["syslog-format"]),
        facility: parseFacility(container.options["syslog-facility"]),
        hostname: parts.hostname,
        pid: parts.pid,
        tag: formatTag(container),
        attributes: chosenAttributes(container),
      };
      const dial = (dialing: AbortSignal): Promise<Line> =>
        openLine(parts, target, container, source, dialing);
      return new SyslogShipper(source, await dial(signal), dial);
    },
  };
}

class SyslogShipper implements LogShipper {
  readonly #source: SyslogSource;
  readonly #dial: (signal: AbortSignal) => Promise<Line>;
  #line: Line;

  constructor(source: SyslogSource, line: Line, dial: (signal: AbortSignal) => Promise<Line>) {
    this.#source = source;
    this.#line = line;
    this.#dial = dial;
  }

  async send(entries: readonly LogEntry[], signal: AbortSignal): Promise<void> {
    if (!this.#line.isOpen) this.#line = await this.#dial(signal);
    await this.#line.send(
      entries.map((entry) => formatSyslog(this.#source, entry)),
      signal,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line[Symbol.dispose]();
  }
}

async function openLine(
  parts: ShippingParts,
  target: SyslogTarget,
  container: LoggedContainer,
  source: SyslogSource,
  signal: AbortSignal,
): Promise<Line> {
  switch (target.kind) {
    case "local":
      return openLocal(parts);
    case "unixgram":
      return openDatagrams(parts, target.path);
    case "udp": {
      const sender = await UdpSender.open(target.host, target.port);
      return {
        isOpen: true,
        send: async (messages, sending) => {
          for (const message of messages) {
            sending.throwIfAborted();
            await sender.send(message);
          }
        },
        [Symbol.dispose]: () => sender[Symbol.dispose](),
      };
    }
    default: {
      const connection = await StreamConnection.open(
        withTlsFiles(target, container.options),
        signal,
      );
      const isFramed = target.kind === "tls" && source.format.startsWith("rfc5424");
      return {
        get isOpen() {
          return connection.isOpen;
        },
        send: async (messages, sending) => {
          const framed = isFramed ? messages.map(frameWithLength) : messages;
          await connection.write(Buffer.concat(framed), sending);
        },
        [Symbol.dispose]: () => void connection.finish(),
      };
    }
  }
}

/** @throws {UnavailableError} In Docker's words. */
function openLocal(parts: ShippingParts): Line {
  const reasons: string[] = [];
  for (const path of LOCAL_PATHS) {
    try {
      return openDatagrams(parts, path);
    } catch (error) {
      reasons.push(messageOf(error));
    }
  }
  throw new UnavailableError("Unix syslog delivery error", {
    cause: new Error(reasons.join("; ")),
  });
}

function openDatagrams(parts: ShippingParts, path: string): Line {
  const socket = parts.sockets.connectDatagram(path);
  let isOpen = true;
  return {
    get isOpen() {
      return isOpen;
    },
    send: async (messages, signal) => {
      try {
        for (const message of messages) await socket.send(message, signal);
      } catch (error) {
        isOpen = false;
        socket[Symbol.dispose]();
        throw error;
      }
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
