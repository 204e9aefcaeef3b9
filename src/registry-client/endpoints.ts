import { InvalidArgumentError } from "#base/errors.ts";
import { contains, parseCidr, tryParseIp } from "#base/ip.ts";
import type { RegistryMirror, RegistrySettings } from "./settings.ts";

/** A server that is asked for an image. */
export interface RegistryEndpoint {
  /** Where it may be, the first that answers is taken: `https://host:5000/`, perhaps with a path. */
  readonly bases: readonly URL[];
  /** A mirror is only read from, and never shown credentials. */
  readonly isMirror: boolean;
}

const DOCKER_HUB_DOMAIN = "docker.io";
const DOCKER_HUB_HOST = "registry-1.docker.io";
const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parseCidr);

/**
 * Reads one `--registry-mirror`: `https://mirror` of Docker Hub, or `ghcr.io=https://mirror` of another.
 *
 * @throws {InvalidArgumentError} In dockerd's words.
 */
export function parseRegistryMirror(text: string): RegistryMirror {
  const [, domain = DOCKER_HUB_DOMAIN, address = ""] =
    /^(?:([a-zA-Z0-9.-]+(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?)=)?(.*)$/s.exec(text) ?? [];
  const url = URL.parse(address);
  if (!url) {
    throw new InvalidArgumentError(`invalid mirror: ${JSON.stringify(address)} is not a valid URI`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new InvalidArgumentError(
      `invalid mirror: unsupported scheme ${JSON.stringify(url.protocol.slice(0, -1))} in ${JSON.stringify(address)}`,
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError(
      `invalid mirror: query, or fragment at end of the URI ${JSON.stringify(address)}`,
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new InvalidArgumentError(
      `invalid mirror: username/password not allowed in URI ${JSON.stringify(url.href)}`,
    );
  }
  return { domain, url: withSlash(url) };
}

function withSlash(url: URL): URL {
  return url.pathname.endsWith("/") ? url : new URL(`${url.href}/`);
}

/** Host of a domain, without its port and the brackets of an IPv6 address. */
export function hostOfDomain(domain: string): string {
  return domain.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}

/**
 * Whether a registry may be without TLS, or have any certificate: it is named so, its address is in a block
 * that is, or it is this machine.
 *
 * @param addresses That its host's name stands for.
 */
export function isInsecureDomain(
  domain: string,
  addresses: readonly string[],
  insecure: readonly string[],
): boolean {
  const names = insecure.filter((one) => !one.includes("/"));
  if (names.includes(domain)) return true;
  const blocks = [...LOOPBACK, ...insecure.filter((one) => one.includes("/")).map(parseCidr)];
  const literal = hostOfDomain(domain);
  return [literal, ...addresses].some((text) => {
    const address = tryParseIp(text);
    return address !== undefined && blocks.some((block) => contains(block, address));
  });
}

/** The servers that are asked for images of `domain`. */
export function planEndpoints(
  domain: string,
  isInsecure: boolean,
  settings: Pick<RegistrySettings, "mirrors">,
): { readonly registry: RegistryEndpoint; readonly mirrors: readonly RegistryEndpoint[] } {
  const host = domain === DOCKER_HUB_DOMAIN ? DOCKER_HUB_HOST : domain;
  const mirrors = settings.mirrors
    .filter((mirror) => mirror.domain === domain)
    .map(({ url }) => ({ bases: [url], isMirror: true }));
  const bases = [new URL(`https://${host}/`)];
  if (isInsecure) bases.push(new URL(`http://${host}/`));
  return { registry: { bases, isMirror: false }, mirrors };
}
