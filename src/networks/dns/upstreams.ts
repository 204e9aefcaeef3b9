import { tryParseIp } from "#base/ip.ts";

/** A server that is asked what the engine does not know. */
export interface Upstream {
  /** IPv6 may have a zone: `fe80::1%eth0`. */
  readonly address: string;
  /** Whose network namespace it is asked from. */
  readonly from: "host" | "container";
}

/** 127.0.0.11, the embedded server. */
export const DNS_ADDRESS = "127.0.0.11";
export const DNS_PORT = 53;
/** As many as the C library takes of a resolv.conf, and Docker of any. */
const MAX_UPSTREAMS = 3;
/** Docker's, where nobody names a server. */
const FALLBACK_IPV4: readonly string[] = ["8.8.8.8", "8.8.4.4"];
const FALLBACK_IPV6: readonly string[] = ["2001:4860:4860::8888", "2001:4860:4860::8844"];

export function fallbackServers(hasIpv6: boolean): readonly string[] {
  return hasIpv6 ? [...FALLBACK_IPV4, ...FALLBACK_IPV6] : FALLBACK_IPV4;
}

/**
 * Servers for the questions of one container. What the user named is asked from the container, whose network
 * may know another way there; the host's own servers are asked from the host, where they are known to work.
 */
export function chooseUpstreams(request: {
  /** `--dns`; empty for the host's. */
  readonly given: readonly string[];
  readonly hostServers: readonly string[];
  readonly hasIpv6: boolean;
}): readonly Upstream[] {
  const { given, hostServers, hasIpv6 } = request;
  if (given.length > 0) return given.map((address) => ({ address, from: "container" }));
  const usable = hostServers.filter(isServerAddress);
  if (usable.length > 0) return usable.map((address) => ({ address, from: "host" }));
  return fallbackServers(hasIpv6).map((address) => ({ address, from: "container" }));
}

/** Those that are asked: not the embedded server itself, and none of the host's for one without a way out. */
export function usableUpstreams(
  upstreams: readonly Upstream[],
  mayLeave: boolean,
): readonly Upstream[] {
  return upstreams
    .filter(({ address, from }) => (from === "host" ? mayLeave : address !== DNS_ADDRESS))
    .slice(0, MAX_UPSTREAMS);
}

/** Whether a `nameserver` line says an address at all. */
export function isServerAddress(text: string): boolean {
  return tryParseIp(text.replace(/%.*$/, "")) !== undefined;
}
