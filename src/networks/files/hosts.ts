import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import { tryParseIp } from "#base/ip.ts";

export interface HostsRequest {
  readonly hostname: string;
  readonly domainName?: string;
  /** Addresses of the container itself; none on network `none`. */
  readonly addresses: readonly string[];
  /** As in the API: `name:address`, the address `host-gateway` included; `name=address` too. */
  readonly extraHosts: readonly string[];
  /** What `host-gateway` stands for: a line each. */
  readonly hostGateways: readonly string[];
  /** Legacy links: the address of each linked container and the names that it gets here. */
  readonly links?: readonly { readonly address: string; readonly names: readonly string[] }[];
}

const LOCALHOST = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::\tip6-localnet",
  "ff00::\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/**
 * @returns Lines of the file, `address<TAB>name`.
 * @throws {InvalidArgumentError} With Docker's texts. {FailedPreconditionError} `host-gateway` without one.
 */
function extraHostLines(entry: string, hostGateways: readonly string[]): readonly string[] {
  const match = /^([^:=]+)[:=](.*)$/.exec(entry);
  const name = match?.[1] ?? "";
  const value = match?.[2] ?? "";
  if (name === "" || /\s/.test(name)) {
    throw new InvalidArgumentError(`bad format for add-host: ${JSON.stringify(entry)}`);
  }
  if (value === "host-gateway") {
    if (hostGateways.length > 0) return hostGateways.map((address) => `${address}\t${name}`);
    throw new FailedPreconditionError(
      `Cannot add host "${name}": unable to derive the IP value for host-gateway`,
    );
  }
  const address = value.replace(/^\[(.*)\]$/, "$1");
  if (!tryParseIp(address)) {
    throw new InvalidArgumentError(`invalid IP address in add-host: ${JSON.stringify(value)}`);
  }
  return [`${address}\t${name}`];
}

/** Refuses what `renderHosts` would, at create already. @throws {InvalidArgumentError} */
export function checkExtraHosts(extraHosts: readonly string[]): void {
  for (const entry of extraHosts) extraHostLines(entry, ["0.0.0.0"]);
}

/** Content of a container's /etc/hosts, in Docker's order: localhost, extra hosts, links, itself. */
export function renderHosts(request: HostsRequest): string {
  const { hostname, domainName, addresses, extraHosts, links = [] } = request;
  const full = domainName ? `${hostname}.${domainName}` : hostname;
  const [short = full] = full.split(".");
  const own = full === short ? full : `${full} ${short}`;
  const lines = [
    ...LOCALHOST,
    ...extraHosts.flatMap((entry) => extraHostLines(entry, request.hostGateways)),
    ...links.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    ...addresses.map((address) => `${address}\t${own}`),
  ];
  return `${lines.join("\n")}\n`;
}

/**
 * @param name Lines of a link that begin with this name go: those have two names and more.
 * @param lines What stands where the first of them stood, else at the end.
 * @returns The file, everything else as it was: the container may have written to it.
 */
export function replaceHostsLines(
  text: string,
  name: string,
  lines: readonly { readonly address: string; readonly names: readonly string[] }[],
): string {
  const kept: string[] = [];
  let at: number | undefined;
  for (const line of text.replace(/\n$/, "").split("\n")) {
    const [, ...words] = line.split(/[ \t]+/);
    const isOfLink = words.length > 1 && words[0] === name;
    if (isOfLink) at ??= kept.length;
    else kept.push(line);
  }
  const added = lines.map((line) => `${line.address}\t${line.names.join(" ")}`);
  return `${kept.toSpliced(at ?? kept.length, 0, ...added).join("\n")}\n`;
}

/** With the host's network: the host's own file and the extra hosts. */
export function renderHostsOfHost(
  hostFile: string,
  extraHosts: readonly string[],
  hostGateways: readonly string[],
): string {
  const lines = extraHosts
    .flatMap((entry) => extraHostLines(entry, hostGateways))
    .map((line) => `${line}\n`);
  const end = hostFile === "" || hostFile.endsWith("\n") ? "" : "\n";
  return `${hostFile}${end}${lines.join("")}`;
}

/** Content of /etc/hostname. */
export function renderHostname(hostname: string): string {
  return `${hostname}\n`;
}
