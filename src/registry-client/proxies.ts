import { FailedPreconditionError } from "#base/errors.ts";
import { contains, parseCidr, tryParseIp } from "#base/ip.ts";
import { type Origin, originOf } from "./http/origin.ts";

/** As in the environment: addresses of proxies, and hosts that are reached without. */
export interface ProxySettings {
  /** For `http://`; empty for none. */
  readonly http: string;
  /** For `https://`; empty for none. */
  readonly https: string;
  /** Hosts, domains, addresses and blocks, by commas; `*` for all. */
  readonly none: string;
}

export const NO_PROXIES: ProxySettings = { http: "", https: "", none: "" };

/** A server that passes requests on. */
export interface ProxyServer {
  readonly origin: Origin;
  /** For `Proxy-Authorization`. */
  readonly authorization?: string;
}

/**
 * @returns Undefined where the server is reached without.
 * @throws {FailedPreconditionError} The proxy is one that cannot be used: going past it is not ours to decide.
 */
export function chooseProxy(settings: ProxySettings, url: URL): ProxyServer | undefined {
  const origin = originOf(url);
  const text = origin.isTls ? settings.https : settings.http;
  if (text === "" || isReachedWithout(settings.none, origin)) return undefined;
  const proxy = URL.parse(text.includes("://") ? text : `http://${text}`);
  if (!proxy || (proxy.protocol !== "http:" && proxy.protocol !== "https:")) {
    // without its user and password
    const shown = proxy ? `${proxy.protocol}//${proxy.host}` : "it is no URL";
    throw new FailedPreconditionError(
      `Cannot use the proxy for ${origin.hostname} (${shown}): want http:// or https://`,
    );
  }
  const { username, password } = proxy;
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return {
    origin: originOf(proxy),
    ...(username === "" ? {} : { authorization: `Basic ${Buffer.from(pair).toString("base64")}` }),
  };
}

/** By the rules of Go's `httpproxy`, which other programs on the host follow. */
function isReachedWithout(none: string, { hostname, port }: Origin): boolean {
  const host = hostname.toLowerCase();
  const address = tryParseIp(host);
  if (host === "localhost" || (address && isLoopback(host))) return true;
  return none
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .filter((entry) => entry !== "")
    .some((entry) => {
      if (entry === "*") return true;
      if (entry.includes("/")) return address !== undefined && isWithin(entry, host);
      const [, name = entry, itsPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (tryParseIp(entry)) return host === entry;
      if (itsPort !== undefined && Number(itsPort) !== port) return false;
      if (tryParseIp(name)) return host === name;
      const domain = name.replace(/^\*?\./, "");
      return host.endsWith(`.${domain}`) || (host === domain && !/^\*?\./.test(name));
    });
}

function isLoopback(host: string): boolean {
  return isWithin("127.0.0.0/8", host) || isWithin("::1/128", host);
}

function isWithin(block: string, host: string): boolean {
  const address = tryParseIp(host);
  try {
    return address !== undefined && contains(parseCidr(block), address);
  } catch {
    return false; // no block: it matches nothing
  }
}
