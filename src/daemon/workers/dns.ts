import { randomBytes } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { invariant } from "#base/errors.ts";
import { SystemClock } from "#host/linux/clock.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxInternetSockets } from "#host/linux/sockets/internet-sockets.ts";
import { LinuxLocalPorts } from "#host/linux/sockets/local-ports.ts";
import { JsThread } from "#host/linux/thread.ts";
import { LocalNameServers } from "#networks/dns/name-servers.ts";
import type { DnsOrder } from "#networks/dns/thread/protocol.ts";
import { serveOrder } from "#networks/dns/thread/serve-orders.ts";
import { readHostFile } from "#networks/files/host-resolv-conf.ts";

/** The thread of the containers' name servers. It enters their network namespaces by itself; ends with the daemon. */
export function runDnsThread(): Promise<never> {
  const port = parentPort;
  invariant(port, "a thread has a port to its parent");
  const libc = openLibc();
  const thread = new JsThread({ libc });
  const servers = new LocalNameServers({
    internet: new LinuxInternetSockets({ libc, thread }),
    localPorts: new LinuxLocalPorts({ libc, thread }),
    clock: new SystemClock({ libc }),
    randomBytes: (count) => new Uint8Array(randomBytes(count)),
    random: Math.random,
    readHostFile: () => readHostFile().text,
  });
  port.on("message", (order: DnsOrder) => {
    serveOrder(servers, order, (report) => port.postMessage(report));
  });
  return new Promise(() => {}); // its parent ends it
}
