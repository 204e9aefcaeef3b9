import { lookup } from "node:dns/promises";
import { ANONYMOUS, type RegistryCredentials } from "./auth/credentials.ts";
import {
  hostOfDomain,
  isInsecureDomain,
  planEndpoints,
  type RegistryEndpoint,
} from "./endpoints.ts";
import { Connections } from "./http/connections.ts";
import { NO_PROXIES } from "./proxies.ts";
import { Repository } from "./repository.ts";
import type { RetryPolicy } from "./retry.ts";
import { RegistrySession } from "./session.ts";
import type { RegistrySettings } from "./settings.ts";
import { searchBases, searchRegistry, type SearchRequest, type SearchResult } from "./search.ts";
import { Transport } from "./transport.ts";

export interface RegistryClientOptions {
  /** Asked at each use: they may change while the engine runs. */
  readonly settings: () => RegistrySettings;
  readonly retry: RetryPolicy;
  readonly nowMs: () => number;
  readonly userAgent: string;
  /** PEM text of the authorities that the host trusts; empty: those built in. */
  readonly hostAuthorities: string;
  /** Addresses of a host by its name; none where it has none. */
  readonly resolveHost?: (hostname: string) => Promise<readonly string[]>;
}

/** Opens repositories of any registry. Disposing closes the connections that are kept. */
export class RegistryClient implements Disposable {
  readonly #options: RegistryClientOptions;
  readonly #connections = new Connections();

  constructor(options: RegistryClientOptions) {
    this.#options = options;
  }

  get retry(): RetryPolicy {
    return this.#options.retry;
  }

  /** Nothing is asked before the repository is used. */
  async repository(
    name: { readonly domain: string; readonly path: string },
    credentials: RegistryCredentials,
    access: "pull" | "push",
  ): Promise<Repository> {
    const sessions = await this.#sessions(name.domain, credentials);
    return new Repository({ ...name, ...sessions, mayPush: access === "push" });
  }

  /** @see RegistrySession.logIn */
  async logIn(
    domain: string,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { registry } = await this.#sessions(domain, credentials);
    return await registry.logIn(signal);
  }

  /** @see searchRegistry */
  async search(
    domain: string,
    request: SearchRequest,
    credentials: RegistryCredentials,
    signal: AbortSignal,
  ): Promise<readonly SearchResult[]> {
    const { transport, isInsecure } = await this.#transport(domain);
    const bases = searchBases(domain, isInsecure);
    const session = this.#session({ bases, isMirror: false }, credentials, transport);
    const parts = { domain, bases, transport, session, credentials };
    return await searchRegistry(parts, request, signal);
  }

  [Symbol.dispose](): void {
    this.#connections[Symbol.dispose]();
  }

  async #sessions(
    domain: string,
    credentials: RegistryCredentials,
  ): Promise<{ readonly registry: RegistrySession; readonly mirrors: readonly RegistrySession[] }> {
    const { transport, isInsecure } = await this.#transport(domain);
    const { mirrors } = this.#options.settings();
    const plan = planEndpoints(domain, isInsecure, { mirrors });
    const open = (endpoint: RegistryEndpoint): RegistrySession =>
      this.#session(endpoint, endpoint.isMirror ? ANONYMOUS : credentials, transport);
    return { registry: open(plan.registry), mirrors: plan.mirrors.map(open) };
  }

  #session(
    endpoint: RegistryEndpoint,
    credentials: RegistryCredentials,
    transport: Transport,
  ): RegistrySession {
    const { retry, nowMs } = this.#options;
    return new RegistrySession({ endpoint, credentials, transport, retry, nowMs });
  }

  async #transport(
    domain: string,
  ): Promise<{ readonly transport: Transport; readonly isInsecure: boolean }> {
    const { settings, resolveHost = lookupAddresses, ...options } = this.#options;
    const { insecure, certificateFolders, proxies = NO_PROXIES } = settings();
    const addresses = await resolveHost(hostOfDomain(domain));
    const isInsecure = isInsecureDomain(domain, addresses, insecure);
    const transport = new Transport({
      connections: this.#connections,
      certificateFolders,
      proxies,
      hostAuthorities: options.hostAuthorities,
      userAgent: options.userAgent,
      isInsecure: (host) => (host === domain ? isInsecure : isInsecureDomain(host, [], insecure)),
    });
    return { transport, isInsecure };
  }
}

async function lookupAddresses(hostname: string): Promise<readonly string[]> {
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch {
    return []; // the request itself says that there is no such host
  }
}
