import type { ThrottleOptions } from "./access/throttle.ts";
import type { ProxyRule } from "./remotes/proxy.ts";
import type { CollectorOptions } from "./upkeep/collector.ts";
import type { PaceLimits } from "./http/body/body-pace.ts";
import type { ListenAddress, TlsFiles } from "./http/http-server.ts";

/** Everything that an operator may set. */
export interface RegistryConfig {
  readonly listen: ListenAddress;
  readonly tls?: TlsFiles;
  /** Address that clients know the registry by, where it is not what they write into `Host`. */
  readonly publicUrl?: string;
  /** `none`: everybody who reaches it may do everything. */
  readonly auth: "accounts" | "none";
  /** Requests of one account, or address without one. */
  readonly rateLimit?: ThrottleOptions;
  readonly idleTimeoutSeconds: number;
  /** Of bodies that clients send. */
  readonly pace: PaceLimits;
  /** Of bodies that are read whole, all together. */
  readonly bodyMemoryBytes: number;
  readonly closeGraceMs: number;
  readonly manifestMaxBytes: number;
  readonly allowSparseIndexes: boolean;
  readonly proxies: readonly ProxyRule[];
  readonly collector: CollectorOptions;
  readonly collectEveryMs: number;
}
