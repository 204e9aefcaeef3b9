import type { Host } from "#host/host.ts";
import type { System } from "#host/system.ts";
import { FakeCgroups } from "./cgroups.ts";
import { ManualClock } from "./clock.ts";
import { FakeConntrack } from "./conntrack.ts";
import { FakeFiles } from "./files.ts";
import { FakeInternetSockets, FakeLocalPorts } from "./internet.ts";
import { FakeMounts } from "./mounts.ts";
import { FakeNamespaces } from "./namespaces.ts";
import { FakeNetlink } from "./netlink.ts";
import { FakeNetworks } from "./network-state.ts";
import { FakeNft } from "./nft.ts";
import { FakeProcesses } from "./processes.ts";
import { FakeSockets } from "./sockets.ts";
import { NoSubvolumes } from "./subvolumes.ts";
import { fakeSystem } from "./system.ts";

/** A host in memory, with what tests set and look at beside the interfaces. */
export interface FakeHost extends Host {
  readonly cgroups: FakeCgroups;
  readonly clock: ManualClock;
  readonly conntrack: FakeConntrack;
  readonly files: FakeFiles;
  readonly mounts: FakeMounts;
  readonly namespaces: FakeNamespaces;
  readonly netlink: FakeNetlink;
  readonly nft: FakeNft;
  readonly processes: FakeProcesses;
  readonly sockets: FakeSockets;
}

export function openFakeHost(facts: Partial<System> = {}): FakeHost {
  const networks = new FakeNetworks();
  return {
    cgroups: new FakeCgroups(),
    clock: new ManualClock(),
    conntrack: new FakeConntrack(),
    files: new FakeFiles(),
    internet: new FakeInternetSockets(),
    localPorts: new FakeLocalPorts(),
    mounts: new FakeMounts(),
    namespaces: new FakeNamespaces({ networks }),
    netlink: new FakeNetlink({ networks }),
    nft: new FakeNft(),
    processes: new FakeProcesses(),
    sockets: new FakeSockets(),
    subvolumes: new NoSubvolumes(),
    system: fakeSystem(facts),
    [Symbol.asyncDispose]: async () => {},
  };
}
