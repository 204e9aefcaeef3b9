import type { LocalPorts } from "#host/local-ports.ts";
import type { NameServers } from "#networks/dns/name-servers.ts";
import { NETWORKS, SANDBOXES } from "#networks/records.ts";
import type { Store } from "#store/store.ts";
import { SandboxDns } from "./sandbox-dns.ts";
import { tellNames } from "./sandbox-table.ts";

/**
 * Serves names to the containers of a daemon before this one, from their records alone: long before it is known which of
 * them live, as those that do ask now. `Networks.reconcile` does the same for the living once more, tells what went
 * wrong, and takes the dead away.
 *
 * @returns When all servers are open, or have failed to.
 */
export async function resumeNames(options: {
  readonly store: Store;
  readonly nameServers: NameServers;
  readonly localPorts: LocalPorts;
}): Promise<void> {
  const { store, nameServers } = options;
  const networks = store.collection(NETWORKS);
  const dns = new SandboxDns({
    ...options,
    table: { networkOf: ({ networkId }) => networks.get(networkId) },
    warn: () => {},
  });
  const records = [...store.collection(SANDBOXES).entries()].map(([, record]) => record);
  // a name that is not known yet would be asked of others
  for (const record of records) tellNames(nameServers, record);
  await Promise.all(records.map((record) => dns.takeOver(record)));
}
