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
  /** What is spoken to it: `http` also where TLS is below. */
  readonly protocol: "http" | "socks5";
  readonly origin: Origin;
  /** For `Proxy-Authorization`. */
  readonly authorization?: string;
  /** Of a user of SOCKS5. */
  readonly login?: { readonly username: string; readonly password: string };
}

const SOCKS_PORT = 1080;

/**
 * @returns Undefined where the server is reached without.
 * @throws {FailedPreconditionError} The proxy is one that cannot be used: going past it is not ours to decide.
 */
export function chooseProxy(settings: ProxySettings, url: URL): ProxyServer | undefined {
  const origin = originOf(url);
  const text = origin.isTls ? settings.https : settings.http;
  if (text === "" || isReachedWithout(settings.none, origin)) return undefined;
  const proxy = URL.parse(text.includes("://") ? text : `http://${text}`);
  const isSocks = proxy?.protocol === "socks5:" || proxy?.protocol === "socks5h:";
  if (!proxy || !(isSocks || proxy.protocol === "http:" || proxy.protocol === "https:")) {
    // without its user and password
    const shown = proxy ? `${proxy.protocol}//${proxy.host}` : "it is no URL";
    throw new FailedPreconditionError(
      `Cannot use the proxy for ${origin.hostname} (${shown}): want http://, https:// or socks5://`,
    );
  }
  const [username, password] = [proxy.username, proxy.password].map(decodeURIComponent);
  const isKnown = username !== undefined && username !== "";
  if (isSocks) {
    const port = proxy.port === "" ? SOCKS_PORT : Number(proxy.port);
    const login = isKnown ? { login: { username, password: password ?? "" } } : {};
    return { protocol: "socks5", origin: { ...originOf(proxy), port }, ...login };
  }
  const pair = Buffer.from(`${username}:${password}`).toString("base64");
  return {
    protocol: "http",
    origin: originOf(proxy),
    ...(isKnown ? { authorization: `Basic ${pair}` } : {}),
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
