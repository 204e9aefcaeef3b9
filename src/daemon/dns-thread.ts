import { Worker } from "node:worker_threads";
import { messageOf } from "#base/errors.ts";
import type { DnsReport } from "#networks/dns/thread/protocol.ts";
import type { StartDnsThread } from "#networks/dns/thread/thread-name-servers.ts";

/**
 * Starts a thread of this executable: `main.ts` sees that it is not on the first one. Its heap is a small one,
 * some 7 MB with all that belongs to it.
 */
export const startDnsThread: StartDnsThread = ({ onReport, onDeath }) => {
  const worker = new Worker(entryPoint(), { name: "dns" });
  let isEnding = false;
  let reason = "it left without a word";
  worker.on("message", (report: DnsReport) => onReport(report));
  worker.on("error", (error) => {
    reason = messageOf(error);
  });
  worker.on("exit", () => {
    if (!isEnding) onDeath(reason);
  });
  worker.unref(); // the daemon ends when it wants to
  return {
    send: (order) => worker.postMessage(order),
    async [Symbol.asyncDispose]() {
      isEnding = true;
      await worker.terminate();
    },
  };
};

/** In the executable, whose files are in a folder of Bun's own, the one file that it begins with. */
function entryPoint(): string {
  return import.meta.dir.startsWith("/$bunfs") ? Bun.main : `${import.meta.dir}/../main.ts`;
}
