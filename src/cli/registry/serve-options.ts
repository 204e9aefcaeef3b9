/** What `wharf registry serve` was told on its command line. */
export interface RegistryServeOptions {
  /** `host:port`, `:port`. */
  readonly listen: string;
  /** Folder of everything that lasts. */
  readonly root: string;
  /** `accounts` or `none`. */
  readonly auth: "accounts" | "none";
  /** Files of certificate chain and key; empty for plain HTTP. */
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Address that clients know the registry by; empty for what they write into `Host`. */
  readonly url: string;
  readonly logLevel: "debug" | "info" | "warn" | "error";
}
