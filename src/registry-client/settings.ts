import type { ProxySettings } from "./proxies.ts";

/** How registries are reached, as the engine is configured. */
export interface RegistrySettings {
  /** Asked before the registry itself; of Docker Hub where no domain is given. */
  readonly mirrors: readonly RegistryMirror[];
  /** `host`, `host:port` or CIDR: without TLS, or with any certificate. */
  readonly insecure: readonly string[];
  /** Folders of certificates by registry, the first that has a registry's wins. */
  readonly certificateFolders: readonly string[];
  /** Absent: every server is reached itself. */
  readonly proxies?: ProxySettings;
}

export interface RegistryMirror {
  /** Of the images that it mirrors: `docker.io`, `ghcr.io`. */
  readonly domain: string;
  readonly url: URL;
}
