/** What `wharf registry serve` was told on its command line and by its environment. */
export interface RegistryServeOptions {
  /** `host:port`, `:port`. */
  readonly listen: string;
  /** Folder of everything that lasts. */
  readonly root: string;
  readonly auth: "accounts" | "none";
  /** Files of certificate chain and key; empty for plain HTTP. */
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Address that clients know the registry by; empty for what they write into `Host`. */
  readonly url: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
  /** `postgres://…`; empty for SQLite below `root`. */
  readonly database: string;
  /** `s3://bucket/prefix`; empty for files below `root`. */
  readonly storage: string;
  readonly s3Endpoint: string;
  readonly s3Region: string;
  readonly s3AccessKeyId: string;
  readonly s3SecretAccessKey: string;
  /** `PREFIX=REGISTRY` each. */
  readonly proxies: readonly string[];
  /** `HOST[:PORT]` or CIDR of registries that proxies and replications reach without TLS. */
  readonly insecureRegistries: readonly string[];
  /** Requests a second of one account or address; 0 for no limit. */
  readonly rateLimit: number;
  readonly allowSparseIndexes: boolean;
  /** Seconds without a byte after which a connection is cut. */
  readonly idleTimeoutSeconds: number;
  /** Minutes that what nobody refers to is kept. */
  readonly garbageGraceMinutes: number;
  /** Folder of docker's `config.json`, where `login` keeps credentials for other registries. */
  readonly configDir: string;
}
