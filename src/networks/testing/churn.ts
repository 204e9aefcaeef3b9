/** Opens and closes sandboxes until it is killed. Arguments: store, run directory, engine id, bridge. */
import { randomBytes } from "node:crypto";
import { openLinuxHost } from "#host/linux/host.ts";
import { DEFAULT_NETWORKS_CONFIG } from "#networks/config.ts";
import { LocalNameServers } from "#networks/dns/name-servers.ts";
import { openNetworks } from "#networks/open.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { SqliteStore } from "#store/sqlite/store.ts";

const [storePath = "", runDir = "", engineId = "", bridge = ""] = process.argv.slice(2);
const host = await openLinuxHost();
const networks = await openNetworks({
  ...host,
  store: SqliteStore.open(storePath),
  plugins: new PluginFinder({ folders: [], sleep: (delayMs) => host.clock.delay(delayMs) }),
  engineId,
  runDir,
  config: { ...DEFAULT_NETWORKS_CONFIG, bridge },
  nameServers: new LocalNameServers({
    ...host,
    randomBytes,
    random: Math.random,
    readHostFile: () => "",
  }),
  randomBytes,
  vaultOf: () => undefined,
  warn: () => {},
});
await networks.reconcile(new Set());
process.stdout.write("ready\n");
const signal = new AbortController().signal;

async function churn(name: string): Promise<never> {
  const ports = [{ protocol: "tcp", containerPort: 80, hostPort: 0 } as const];
  for (;;) {
    await networks.openSandbox({ containerId: name, mode: { kind: "bridge" }, ports }, signal);
    await networks.connectSandbox(name, signal);
    await networks.closeSandbox(name);
  }
}

await Promise.all(["a", "b", "c"].map(churn));
