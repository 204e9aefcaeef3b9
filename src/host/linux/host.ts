import type { Host } from "#host/host.ts";
import { openCgroups } from "./cgroups.ts";
import { SystemClock } from "./clock.ts";
import { LinuxConntrack } from "./conntrack.ts";
import { openLibc } from "./ffi/libc.ts";
import { tryOpenNftables } from "./ffi/libnftables.ts";
import { LinuxFiles } from "./files.ts";
import { LinuxInternetSockets } from "./sockets/internet-sockets.ts";
import { LinuxLocalPorts } from "./sockets/local-ports.ts";
import { LinuxMounts } from "./mounts/mounts.ts";
import { LinuxNamespaces } from "./namespaces.ts";
import { LinuxNetlink } from "./netlink.ts";
import { LinuxNft } from "./nft.ts";
import { LinuxProcesses } from "./processes/processes.ts";
import { openRuntimeLauncher } from "./processes/runtime-launcher.ts";
import { LinuxSockets } from "./sockets/sockets.ts";
import { LinuxSubvolumes } from "./mounts/subvolumes.ts";
import { openSystem } from "./system.ts";
import { JsThread } from "./thread.ts";

export interface LinuxHostOptions {
  /** Where nft(8) is, for hosts without libnftables; `/usr/sbin/nft` when absent. */
  readonly nftPath?: string;
}

/** Opens the machine that this process runs on, in about 4 ms. Changes nothing on it. */
export async function openLinuxHost(options: LinuxHostOptions = {}): Promise<Host> {
  await using stack = new AsyncDisposableStack();
  const libc = openLibc();
  const thread = new JsThread({ libc });
  const clock = new SystemClock({ libc });
  const mounts = new LinuxMounts({ libc, thread });
  const cgroups = openCgroups(libc, mounts);
  const launcher = cgroups.layout === "hybrid" ? stack.use(openRuntimeLauncher(libc)) : undefined;
  const processes = new LinuxProcesses({ libc, thread, launcherPath: launcher?.path });
  const netlink = stack.use(new LinuxNetlink({ libc, thread }));
  const nft = stack.use(
    new LinuxNft({
      libc,
      nftables: tryOpenNftables(),
      thread,
      processes,
      nftPath: options.nftPath ?? "/usr/sbin/nft",
    }),
  );
  const host = {
    cgroups,
    clock,
    conntrack: stack.use(new LinuxConntrack({ libc })),
    files: stack.use(new LinuxFiles({ libc, mounts })),
    internet: new LinuxInternetSockets({ libc, thread }),
    localPorts: new LinuxLocalPorts({ libc, thread }),
    mounts,
    namespaces: new LinuxNamespaces({ libc, thread, processes }),
    netlink,
    nft,
    processes,
    sockets: new LinuxSockets({ libc, clock, thread }),
    subvolumes: new LinuxSubvolumes({ libc }),
    system: openSystem(libc),
  };
  const open = stack.move();
  return { ...host, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
