import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress } from "#base/ip-address.ts";

export type PortProtocol = "tcp" | "udp" | "sctp";

/** One port of a container; on the wire `80/tcp`. */
export interface ContainerPort {
  /** 0 to 65535. */
  readonly port: number;
  readonly protocol: PortProtocol;
}

/** One published port as `-p` asks for it. */
export interface PortPublication {
  readonly containerPort: ContainerPort;
  /** Empty for every address of the host. */
  readonly hostIp: string;
  /** Empty for any free port; `8000-8010` for the first free one of a range. */
  readonly hostPort: string;
}

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

const MAX_PORT = 65535;

function isProtocol(text: string): text is PortProtocol {
  return text === "tcp" || text === "udp" || text === "sctp";
}

/** `80`, `8000-8010`; `undefined` where it is no port or range. */
export function tryParsePortRange(text: string): PortRange | undefined {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  return first <= last && last <= MAX_PORT ? { first, last } : undefined;
}

function splitProtocol(text: string): { readonly ports: string; readonly protocol: string } {
  const slash = text.indexOf("/");
  if (slash < 0) return { ports: text, protocol: "tcp" };
  return { ports: text.slice(0, slash), protocol: text.slice(slash + 1).toLowerCase() || "tcp" };
}

export function formatContainerPort(value: ContainerPort): string {
  return `${value.port}/${value.protocol}`;
}

/**
 * Reads a key of `ExposedPorts` or `PortBindings`: `80`, `80/tcp`.
 *
 * @throws {InvalidArgumentError} `invalid port specification: "…"`
 */
export function parseContainerPort(text: string): ContainerPort {
  const { ports, protocol } = splitProtocol(text);
  if (!isProtocol(protocol)) throw new InvalidArgumentError(`invalid proto: ${protocol}`);
  const range = tryParsePortRange(ports);
  if (!range || range.first !== range.last) {
    throw new InvalidArgumentError(`invalid port specification: ${JSON.stringify(ports)}`);
  }
  return { port: range.first, protocol };
}

/**
 * Reads `--expose` and Dockerfile's EXPOSE: `80`, `80/udp`, `8000-8010/tcp`.
 *
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseExposedPorts(text: string): readonly ContainerPort[] {
  const { ports, protocol } = splitProtocol(text);
  if (text.includes(":")) {
    throw new InvalidArgumentError(`invalid port format for --expose: ${text}`);
  }
  const range = tryParsePortRange(ports);
  if (!range) {
    const reason = /^[0-9]+-[0-9]+$/.test(ports)
      ? `invalid range specified for port: ${ports}`
      : `strconv.ParseUint: parsing ${JSON.stringify(ports)}: invalid syntax`;
    throw new InvalidArgumentError(`invalid range format for --expose: ${text}, error: ${reason}`);
  }
  if (!isProtocol(protocol)) throw new InvalidArgumentError(`invalid proto: ${protocol}`);
  const found: ContainerPort[] = [];
  for (let port = range.first; port <= range.last; port++) found.push({ port, protocol });
  return found;
}

interface PortParts {
  readonly hostIp: string;
  readonly hostPorts: string;
  readonly containerPorts: string;
}

/** An IPv6 address needs no brackets: all but the last two parts are the address. */
function splitParts(text: string): PortParts {
  const parts = text.split(":");
  const containerPorts = parts.pop() ?? "";
  const hostPorts = parts.pop() ?? "";
  const hostIp = parts.join(":");
  const isBracketed = hostIp.startsWith("[") && hostIp.endsWith("]");
  return { hostIp: isBracketed ? hostIp.slice(1, -1) : hostIp, hostPorts, containerPorts };
}

/**
 * Reads one `-p`: `[[HOSTIP:][HOSTPORT[-LAST]]:]PORT[-LAST][/PROTOCOL]`.
 *
 * @returns One entry a container port. A host range for a single container port stays a range.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parsePortPublication(text: string): readonly PortPublication[] {
  const { hostIp, hostPorts, containerPorts } = splitParts(text);
  if (containerPorts === "") {
    throw new InvalidArgumentError(`no port specified: ${text}<empty>`);
  }
  const { ports, protocol } = splitProtocol(containerPorts);
  if (hostIp !== "" && !isIpAddress(hostIp)) {
    throw new InvalidArgumentError(`invalid IP address: ${hostIp}`);
  }
  const container = tryParsePortRange(ports);
  if (!container) throw new InvalidArgumentError(`invalid containerPort: ${ports}`);
  const host = hostPorts === "" ? undefined : tryParsePortRange(hostPorts);
  if (hostPorts !== "" && !host) throw new InvalidArgumentError(`invalid hostPort: ${hostPorts}`);
  if (!isProtocol(protocol)) throw new InvalidArgumentError(`invalid proto: ${protocol}`);
  const count = container.last - container.first;
  if (host && host.last - host.first !== count && count !== 0) {
    throw new InvalidArgumentError(
      `invalid ranges specified for container and host Ports: ${ports} and ${hostPorts}`,
    );
  }
  const found: PortPublication[] = [];
  for (let step = 0; step <= count; step++) {
    found.push({
      containerPort: { port: container.first + step, protocol },
      hostIp,
      hostPort: hostPortAt(host, count, step),
    });
  }
  return found;
}

function hostPortAt(host: PortRange | undefined, count: number, step: number): string {
  if (!host) return "";
  const isRangeForOne = count === 0 && host.last > host.first;
  return isRangeForOne ? `${host.first}-${host.last}` : String(host.first + step);
}
