import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";

/** What a health check that the engine does itself connects to, inside the container's network. */
export interface TcpTarget {
  /** An IP address, or `localhost`: 127.0.0.1, else ::1. */
  readonly host: string;
  readonly port: number;
}

export interface HttpTarget extends TcpTarget {
  /** Path with its query, from the slash on. */
  readonly path: string;
}

const LOCALHOST = "localhost";
const HTTP_PORT = 80;
/** What a request line may hold: visible ASCII. */
const PATH = /^\/[\x21-\x7e]*$/;

/**
 * Reads `http://localhost:8080/health`, `127.0.0.1:8080/health`, `:8080/health`, `8080`.
 *
 * @throws {InvalidArgumentError}
 */
export function parseHttpTarget(text: string): HttpTarget {
  const invalid = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`invalid HTTP health check ${JSON.stringify(text)}: ${reason}`);
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme !== undefined && scheme !== "http") {
    throw invalid(`${scheme} is not supported, use http`);
  }
  const rest = scheme === undefined ? text : text.slice("http://".length);
  const slash = rest.indexOf("/");
  const authority = slash < 0 ? rest : rest.slice(0, slash);
  const path = slash < 0 ? "/" : rest.slice(slash);
  if (!PATH.test(path)) throw invalid("the path must be printable ASCII without blanks");
  const hasPort = /^[0-9]+$/.test(authority) || /:[0-9]*$/.test(authority.replace(/^\[.*\]/, ""));
  if (scheme === undefined && !hasPort) throw invalid("want [http://][HOST]:PORT[/PATH]");
  const target = readHostPort(hasPort ? authority : `${authority}:${HTTP_PORT}`, invalid);
  return { ...target, path: path.replace(/#.*$/, "") };
}

/**
 * Reads `5432`, `:5432`, `127.0.0.1:5432`, `[::1]:5432`.
 *
 * @throws {InvalidArgumentError}
 */
export function parseTcpTarget(text: string): TcpTarget {
  return readHostPort(
    text,
    (reason) =>
      new InvalidArgumentError(`invalid TCP health check ${JSON.stringify(text)}: ${reason}`),
  );
}

function readHostPort(text: string, invalid: (reason: string) => InvalidArgumentError): TcpTarget {
  const match = /^(?:(?:\[([^\]]*)\]|([^:[\]]*)):)?([0-9]+)$/.exec(text);
  if (!match) throw invalid("want [HOST:]PORT");
  const host = match[1] ?? (match[2] || LOCALHOST);
  const port = Number(match[3]);
  if (port < 1 || port > 65_535) throw invalid("a port is between 1 and 65535");
  if (host !== LOCALHOST && !isIpAddress(host)) {
    throw invalid(`${JSON.stringify(host)} is neither localhost nor an IP address`);
  }
  return { host, port };
}
