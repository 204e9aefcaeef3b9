import type { NamedEndpoint } from "#networks/dns/name-table.ts";
import type { ServedContainer } from "#networks/dns/name-servers.ts";
import type { NetworkId } from "#spec/ids.ts";

/** What the daemon tells the thread of the name servers; in order, as the calls of `NameServers`. */
export type DnsOrder =
  | { readonly kind: "put"; readonly networkId: NetworkId; readonly endpoint: NamedEndpoint }
  | { readonly kind: "remove"; readonly networkId: NetworkId; readonly containerId: string }
  | { readonly kind: "serve"; readonly call: number; readonly container: ServedContainer }
  | { readonly kind: "close"; readonly call: number; readonly containerId: string };

/** The end of a `serve` or `close`; a failure by its message. */
export interface DnsReport {
  readonly call: number;
  readonly failure?: string;
}
