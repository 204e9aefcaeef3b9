import type { Cgroups } from "./cgroups.ts";
import type { Clock } from "./clock.ts";
import type { Conntrack } from "./conntrack.ts";
import type { Files } from "./files.ts";
import type { InternetSockets } from "./internet-sockets.ts";
import type { LocalPorts } from "./local-ports.ts";
import type { Mounts } from "./mounts.ts";
import type { Namespaces } from "./namespaces.ts";
import type { Netlink } from "./netlink.ts";
import type { Nft } from "./nft.ts";
import type { Processes } from "./processes.ts";
import type { Sockets } from "./sockets.ts";
import type { Subvolumes } from "./subvolumes.ts";
import type { System } from "./system.ts";

/** The whole host, as `daemon/` opens it once and hands out part by part. */
export interface Host extends AsyncDisposable {
  readonly cgroups: Cgroups;
  readonly clock: Clock;
  readonly conntrack: Conntrack;
  readonly files: Files;
  readonly internet: InternetSockets;
  readonly localPorts: LocalPorts;
  readonly mounts: Mounts;
  readonly namespaces: Namespaces;
  readonly netlink: Netlink;
  readonly nft: Nft;
  readonly processes: Processes;
  readonly sockets: Sockets;
  readonly subvolumes: Subvolumes;
  readonly system: System;
}
