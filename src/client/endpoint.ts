import { InvalidArgumentError } from "#base/errors.ts";

/** Where an engine listens. */
export type Endpoint =
  | { readonly kind: "unix"; readonly path: string; readonly text: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number; readonly text: string }
  | {
      readonly kind: "ssh";
      readonly host: string;
      readonly user: string | undefined;
      readonly port: number | undefined;
      /** Socket on the far side; undefined lets the far side decide. */
      readonly socketPath: string | undefined;
      readonly text: string;
    };

/** Docker's registered ports for plain HTTP and for TLS. */
const plainPort = 2375;
const tlsPort = 2376;

/**
 * Parses what `-H`, `DOCKER_HOST` and contexts hold: `unix:///path`, `tcp://host:port`,
 * `ssh://user@host:port/socket`, `http(s)://…` as `tcp://`, and a bare `host:port`.
 *
 * @param usesTls Only chooses the port where the text names none: 2376 with TLS, else 2375.
 * @throws {InvalidArgumentError} When the text is none of these; says which ones there are.
 */
export function parseEndpoint(text: string, usesTls = false): Endpoint {
  const trimmed = text.trim();
  const match = /^([a-z0-9+]+):\/\/(.*)$/is.exec(trimmed);
  const scheme = match?.[1]?.toLowerCase() ?? "tcp";
  const rest = match?.[2] ?? trimmed;
  switch (scheme) {
    case "unix":
      if (rest === "") throw refuse(text, "the path of the socket is missing");
      return { kind: "unix", path: rest, text: `unix://${rest}` };
    case "tcp":
    case "http":
    case "https":
      return parseTcp(text, rest, usesTls || scheme === "https");
    case "ssh":
      return parseSsh(text, trimmed);
    case "npipe":
      throw refuse(text, "named pipes exist on Windows only");
    case "fd":
      throw refuse(text, "fd:// is for the daemon's own listeners");
    default:
      throw refuse(text, "use unix://, tcp:// or ssh://");
  }
}

function refuse(text: string, why: string): InvalidArgumentError {
  return new InvalidArgumentError(`invalid host ${JSON.stringify(text)}: ${why}`);
}

function parseTcp(text: string, rest: string, usesTls: boolean): Endpoint {
  const match = /^(\[[0-9a-f:.%]+\]|[^:/[\]]*)(?::(\d+))?\/?$/i.exec(rest);
  if (!match) throw refuse(text, "want tcp://HOST:PORT");
  const host = match[1] === "" ? "127.0.0.1" : (match[1] ?? "");
  const port = match[2] === undefined ? (usesTls ? tlsPort : plainPort) : Number(match[2]);
  if (port < 1 || port > 65535) throw refuse(text, "the port is not in 1 to 65535");
  return { kind: "tcp", host: host.replace(/^\[|\]$/g, ""), port, text: `tcp://${host}:${port}` };
}

function parseSsh(text: string, trimmed: string): Endpoint {
  const url = URL.parse(trimmed);
  if (!url || url.hostname === "") throw refuse(text, "want ssh://USER@HOST:PORT");
  if (url.password !== "") throw refuse(text, "plain-text password is not supported");
  if (url.search !== "" || url.hash !== "") throw refuse(text, "extra text after the host");
  // A leading dash would reach ssh as an option (CVE-2017-1000117 and its kin).
  const user = url.username === "" ? undefined : decodeURIComponent(url.username);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  if (host.startsWith("-") || user?.startsWith("-"))
    throw refuse(text, "a name begins with a dash");
  return {
    kind: "ssh",
    host,
    user,
    port: url.port === "" ? undefined : Number(url.port),
    socketPath:
      url.pathname === "" || url.pathname === "/" ? undefined : decodeURIComponent(url.pathname),
    text: trimmed,
  };
}
