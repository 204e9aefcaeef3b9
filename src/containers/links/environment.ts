import { parseContainerPort } from "#spec/engine-api/port-spec.ts";
import { aliasName } from "./links.ts";

/** What a linked container is told of its target. */
export interface LinkedTarget {
  readonly alias: string;
  /** Without the leading slash. */
  readonly parentName: string;
  readonly address: string;
  /** Exposed and published ports inside the target: `80/tcp`. */
  readonly ports: readonly string[];
  /** The target's own variables, `NAME=value`. */
  readonly environment: readonly string[];
}

interface Port {
  readonly port: number;
  readonly protocol: string;
}

/** Not really relevant to whoever links (Docker's words). */
const UNTOLD: ReadonlySet<string> = new Set(["HOME", "PATH"]);

/**
 * Docker's variables of a legacy link: `DB_PORT`, `DB_PORT_80_TCP_ADDR`, `DB_NAME`, `DB_ENV_…`; of ports in a
 * row their first and last too (`DB_PORT_80_TCP_START`).
 */
export function linkEnvironment(target: LinkedTarget): readonly string[] {
  const name = aliasName(target.alias).toUpperCase().replaceAll("-", "_");
  const ports = target.ports.map(parseContainerPort).sort(byProtocolAndNumber);
  const [first] = ports;
  return [
    ...(first ? [`${name}_PORT=${urlOf(target, first)}`] : []),
    ...ports.flatMap((port) => portVariables(name, target, port)),
    ...rangesOf(ports).flatMap((range) => rangeVariables(name, target, range)),
    `${name}_NAME=/${target.parentName}/${target.alias}`,
    ...target.environment.flatMap((variable) => {
      const equals = variable.indexOf("=");
      if (equals < 0 || UNTOLD.has(variable.slice(0, equals))) return [];
      return [`${name}_ENV_${variable}`];
    }),
  ];
}

/** TCP comes before the others. */
function byProtocolAndNumber(left: Port, right: Port): number {
  if (left.protocol === right.protocol) return left.port - right.port;
  if (left.protocol === "tcp") return -1;
  if (right.protocol === "tcp") return 1;
  return left.protocol < right.protocol ? -1 : 1;
}

function urlOf(target: LinkedTarget, { port, protocol }: Port): string {
  return `${protocol}://${target.address}:${port}`;
}

function prefixOf(name: string, { port, protocol }: Port): string {
  return `${name}_PORT_${port}_${protocol.toUpperCase()}`;
}

function portVariables(name: string, target: LinkedTarget, port: Port): readonly string[] {
  const prefix = prefixOf(name, port);
  return [
    `${prefix}=${urlOf(target, port)}`,
    `${prefix}_ADDR=${target.address}`,
    `${prefix}_PORT=${port.port}`,
    `${prefix}_PROTO=${port.protocol}`,
  ];
}

function rangeVariables(
  name: string,
  target: LinkedTarget,
  [first, last]: readonly [Port, Port],
): readonly string[] {
  const prefix = prefixOf(name, first);
  return [
    `${prefix}_START=${urlOf(target, first)}`,
    `${prefix}_PORT_START=${first.port}`,
    `${prefix}_END=${urlOf(target, last)}`,
    `${prefix}_PORT_END=${last.port}`,
  ];
}

/** Two and more ports in a row, of one protocol. */
function rangesOf(sorted: readonly Port[]): readonly (readonly [Port, Port])[] {
  const ranges: [Port, Port][] = [];
  for (const port of sorted) {
    const range = ranges.at(-1);
    if (range?.[1].protocol === port.protocol && range[1].port + 1 === port.port) range[1] = port;
    else ranges.push([port, port]);
  }
  return ranges.filter(([first, last]) => first !== last);
}
