import { messageOf } from "#base/errors.ts";
import type { NameServers } from "#networks/dns/name-servers.ts";
import type { DnsOrder, DnsReport } from "./protocol.ts";

/** Carries one order out; a report follows where the daemon waits for one. */
export function serveOrder(
  servers: NameServers,
  order: DnsOrder,
  report: (report: DnsReport) => void,
): void {
  switch (order.kind) {
    case "put":
      return servers.put(order.networkId, order.endpoint);
    case "remove":
      return servers.remove(order.networkId, order.containerId);
    case "serve":
      return void tell(servers.serve(order.container), order.call, report);
    case "close":
      return void tell(servers.close(order.containerId), order.call, report);
  }
}

async function tell(
  work: Promise<void>,
  call: number,
  report: (report: DnsReport) => void,
): Promise<void> {
  try {
    await work;
    report({ call });
  } catch (error) {
    report({ call, failure: messageOf(error) });
  }
}
