import { isIpv4 } from "#base/ip-address.ts";
import {
  chooseUpstreams,
  DNS_ADDRESS,
  fallbackServers,
  isServerAddress,
} from "#networks/dns/upstreams.ts";

/** What resolv.conf(5) says. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** Lines of other kinds, such as `sortlist`. */
  readonly other: readonly string[];
}

export interface ResolvConfRequest {
  /** The host's file, from `chooseHostFile`. */
  readonly hostFile: string;
  readonly hostPath: string;
  /** The container has a namespace of its own, in which the host's 127/8 is somewhere else. */
  readonly hasOwnNamespace: boolean;
  readonly hasIpv6: boolean;
  /** The container is on a network whose names the embedded server knows. */
  readonly hasEmbeddedDns: boolean;
  /** `--dns`, `--dns-search`, `--dns-option`: each, where not empty, takes the place of the host's. */
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export const RESOLV_CONF_PATH = "/etc/resolv.conf";
/** Where systemd-resolved writes the servers that it asks itself. */
export const SYSTEMD_RESOLV_CONF_PATH = "/run/systemd/resolve/resolv.conf";

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  const options: string[] = [];
  const other: string[] = [];
  let search: readonly string[] = [];
  for (const line of text.split("\n")) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver") nameservers.push(...values.slice(0, 1));
    else if (keyword === "search" || keyword === "domain")
      search = values.length > 0 ? values : search;
    else if (keyword === "options") options.push(...values);
    else other.push(line.trim());
  }
  return { nameservers, search, options, other };
}

/**
 * The host's file to start from: behind systemd-resolved's own server, 127.0.0.53, the file with the real
 * ones.
 *
 * @param systemdFile Undefined where there is none.
 */
export function chooseHostFile(
  mainFile: string,
  systemdFile: string | undefined,
): { readonly text: string; readonly path: string } {
  const { nameservers } = parseResolvConf(mainFile);
  const isStub = nameservers.length === 1 && nameservers[0] === "127.0.0.53";
  return isStub && systemdFile !== undefined
    ? { text: systemdFile, path: SYSTEMD_RESOLV_CONF_PATH }
    : { text: mainFile, path: RESOLV_CONF_PATH };
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** What the file says of servers, and what is told of it in comments. */
interface ServerPart {
  readonly nameservers: readonly string[];
  /** How the host's file was changed; as Docker calls it. */
  readonly transform: "internal resolver" | "legacy" | undefined;
  readonly usedFallback: boolean;
  /** Servers that the embedded one asks. */
  readonly asked: readonly string[];
}

function serverPart(request: ResolvConfRequest, hostServers: readonly string[]): ServerPart {
  const { nameservers: given, hasIpv6 } = request;
  const plain = { usedFallback: false, asked: [] };
  if (!request.hasOwnNamespace) {
    const nameservers = given.length > 0 ? given : hostServers;
    return { ...plain, nameservers, transform: undefined };
  }
  if (request.hasEmbeddedDns) {
    const upstreams = chooseUpstreams({ given, hostServers, hasIpv6 });
    return {
      nameservers: [DNS_ADDRESS],
      transform: "internal resolver",
      usedFallback: given.length === 0 && hostServers.length === 0,
      asked: upstreams.map(({ address, from }) => (from === "host" ? `host(${address})` : address)),
    };
  }
  if (given.length > 0) return { ...plain, nameservers: given, transform: "legacy" };
  const reachable = hostServers.filter(
    (address) => !isLoopback(address) && (hasIpv6 || isIpv4(address)),
  );
  return {
    nameservers: reachable.length > 0 ? reachable : fallbackServers(hasIpv6),
    transform: "legacy",
    usedFallback: reachable.length === 0,
    asked: [],
  };
}

/** The option that the embedded server needs: it knows names without a dot. */
function withNdots(options: readonly string[]): {
  readonly options: readonly string[];
  readonly isAdded: boolean;
} {
  const valid = options.filter(
    (option) => !/^ndots(:|$)/.test(option) || /^ndots:\+?\d+$/.test(option),
  );
  const isAdded = !valid.some((option) => option.startsWith("ndots:"));
  return { options: isAdded ? [...valid, "ndots:0"] : valid, isAdded };
}

/** Content of a container's /etc/resolv.conf, its comments as Docker's, which tell how it came about. */
export function renderResolvConf(request: ResolvConfRequest): string {
  const host = parseResolvConf(request.hostFile);
  const hostServers = host.nameservers.filter(isServerAddress);
  const servers = serverPart(request, hostServers);
  // A single dot is the way to ask for no search at all.
  const search = (request.search.length > 0 ? request.search : host.search).filter(
    (domain) => domain !== ".",
  );
  const isOptionsOverride = request.options.length > 0;
  const wanted = isOptionsOverride ? request.options : host.options;
  const { options, isAdded } =
    servers.transform === "internal resolver"
      ? withNdots(wanted)
      : { options: wanted, isAdded: false };
  const hasNdots = options.some((option) => /^ndots(:|$)/.test(option));
  const ndotsFrom = isAdded ? "internal" : isOptionsOverride ? "override" : "host";
  const overrides = [
    ...(request.nameservers.length > 0 ? ["nameservers"] : []),
    ...(request.search.length > 0 ? ["search"] : []),
    ...(isOptionsOverride ? ["options"] : []),
  ];
  const invalid = host.nameservers.filter((text) => !isServerAddress(text));
  const lines = [
    "# Generated by Wharf.",
    "# This file can be edited; Wharf will not make further changes once it",
    "# has been modified.",
    "",
    ...servers.nameservers.map((address) => `nameserver ${address}`),
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.length > 0 ? [`options ${options.join(" ")}`] : []),
    ...host.other,
    "",
    `# Based on host file: '${request.hostPath}'${servers.transform ? ` (${servers.transform})` : ""}`,
    ...(servers.usedFallback ? ["# Used default nameservers."] : []),
    ...(servers.asked.length > 0 ? [`# ExtServers: [${servers.asked.join(" ")}]`] : []),
    ...(invalid.length > 0 ? [`# Invalid nameservers: [${invalid.join(" ")}]`] : []),
    `# Overrides: [${overrides.join(" ")}]`,
    ...(hasNdots ? [`# Option ndots from: ${ndotsFrom}`] : []),
  ];
  return `${lines.join("\n")}\n`;
}
