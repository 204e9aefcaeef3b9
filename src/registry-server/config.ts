import type { ListenAddress, TlsFiles } from "./http/http-server.ts";

/** Everything that an operator may set. */
export interface RegistryConfig {
  readonly listen: ListenAddress;
  readonly tls?: TlsFiles;
  readonly publicUrl?: string;
  readonly idleTimeoutSeconds: number;
  readonly closeGraceMs: number;
  readonly manifestMaxBytes: number;
  readonly allowSparseIndexes: boolean;
}
