import { makeRoot, NETWORK_CACHE } from "../network/traffic.ts";
import { run } from "./command.ts";

/** Programs of Debian that are unpacked, not installed; kept for the next run. */
const PROGRAMS = "/var/tmp/wharf-bench-programs";

export const REGISTRY_PROGRAM: string = `${PROGRAMS}/docker-registry/usr/bin/docker-registry`;

/** A root with iperf3, and the tar that it was made from. */
export const TRAFFIC: { readonly root: string; readonly tar: string } = {
  root: `${NETWORK_CACHE}/root`,
  tar: `${NETWORK_CACHE}/network.tar`,
};

/** A minute, but for a slow mirror, or a machine that has much else to do. */
const PEERS_MS = 1_800_000;

/** Builds what is measured, and fetches what a run needs while the network is there: inside there is only loopback. */
export async function prepareHost(hasPeers: boolean): Promise<void> {
  await run([process.execPath, "scripts/build.ts"]);
  if (hasPeers) await run(["bash", "bench/peers.sh", "make"], { timeoutMs: PEERS_MS });
  const unpack = `. scripts/lib/common.sh; unpack_debian_program docker-registry ${PROGRAMS}/docker-registry`;
  await run(["bash", "-c", unpack]);
  await makeRoot();
}
