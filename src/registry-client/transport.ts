import { FailedPreconditionError } from "#base/errors.ts";
import type { TlsMaterial } from "#client/connect-socket.ts";
import { readCertificates } from "./certificates.ts";
import { chooseProxy, type ProxySettings } from "./proxies.ts";
import type { Connections } from "./http/connections.ts";
import { isSameOrigin, originOf } from "./http/origin.ts";
import { type HttpAnswer, type PlainRequest, requestTitle, sendPlain } from "./http/send.ts";

const MAX_REDIRECTS = 10;

export interface TransportOptions {
  readonly connections: Connections;
  readonly certificateFolders: readonly string[];
  readonly proxies: ProxySettings;
  /** PEM text of the authorities that the host trusts; empty: those built in. */
  readonly hostAuthorities: string;
  /** Whether any certificate will do. */
  readonly isInsecure: (host: string) => boolean;
  readonly userAgent: string;
}

/** Sends requests to any host with its TLS settings, and follows redirects. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #tls = new Map<string, TlsMaterial>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Of a redirect to another origin the `Authorization` header stays behind: it was for the first alone.
   *
   * @throws {UnreachableError} No answer. {FailedPreconditionError} Redirects without end.
   */
  async send(request: PlainRequest, signal: AbortSignal): Promise<HttpAnswer> {
    let current: PlainRequest = {
      ...request,
      headers: { "User-Agent": this.#options.userAgent, ...request.headers },
    };
    for (let hops = 0; ; hops++) {
      const proxy = chooseProxy(this.#options.proxies, current.url);
      const route = {
        origin: originOf(current.url),
        tls: this.#tlsFor(current.url),
        ...(proxy ? { proxy } : {}),
      };
      const answer = await sendPlain(this.#options.connections, route, current, signal);
      const next = redirected(current, answer);
      if (!next) return answer;
      if (hops >= MAX_REDIRECTS) {
        answer.close();
        throw new FailedPreconditionError(
          `${requestTitle(request)}: stopped after ${MAX_REDIRECTS} redirects`,
        );
      }
      await answer.discard();
      current = next;
    }
  }

  #tlsFor(url: URL): TlsMaterial {
    const { host } = url;
    const known = this.#tls.get(host);
    if (known) return known;
    const { certificateFolders, hostAuthorities, isInsecure } = this.#options;
    const { authorities, client } =
      url.protocol === "https:" ? readCertificates(certificateFolders, host) : { authorities: [] };
    const trusted = [hostAuthorities, ...authorities].filter((text) => text !== "").join("\n");
    const tls: TlsMaterial = {
      ...(trusted === "" ? {} : { ca: trusted }),
      ...(client ? { cert: client.certificate, key: client.key } : {}),
      verify: !isInsecure(host),
    };
    this.#tls.set(host, tls);
    return tls;
  }
}

/** Where an answer sends the request on to; undefined for any other answer. */
function redirected(request: PlainRequest, answer: HttpAnswer): PlainRequest | undefined {
  const { status } = answer;
  const keepsMethod = status === 307 || status === 308;
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (!keepsMethod && !(isRead && (status === 301 || status === 302 || status === 303))) {
    return undefined;
  }
  const location = answer.header("location");
  const url = location === undefined ? undefined : URL.parse(location, request.url.href);
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) return undefined;
  if (isSameOrigin(url, request.url)) return { ...request, url };
  const { Authorization: _authorization, ...headers } = request.headers;
  return { ...request, url, headers };
}
