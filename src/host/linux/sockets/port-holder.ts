import { readdirSync, readFileSync, readlinkSync } from "node:fs";

import type { PortProtocol } from "#host/sockets.ts";

/** State column of /proc/net/tcp: listening; of /proc/net/udp: bound, not connected. */
const HOLDING_STATE = { tcp: "0A", udp: "07" } as const;

/**
 * Inodes of the sockets that hold `port`, from the text of /proc/net/{tcp,udp}{,6}.
 *
 * @see proc_net_tcp of the kernel: address:port in hex, the state fourth, the inode tenth.
 */
export function parseHolders(text: string, protocol: "tcp" | "udp", port: number): string[] {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes: string[] = [];
  for (const line of text.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const [, local = "", , state, , , , , , inode = "0"] = fields;
    if (local.endsWith(wanted) && state === HOLDING_STATE[protocol] && inode !== "0") {
      inodes.push(inode);
    }
  }
  return inodes;
}

/** `nginx (pid 4711)`; undefined when nobody holds it. */
export function findPortHolder(protocol: PortProtocol, port: number): string | undefined {
  if (protocol === "sctp") return undefined;
  const inodes = [`/proc/net/${protocol}`, `/proc/net/${protocol}6`].flatMap((path) =>
    parseHolders(readOptional(path) ?? "", protocol, port),
  );
  if (inodes.length === 0) return undefined;
  const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  for (const pid of readdirSync("/proc")) {
    if (/^\d+$/.test(pid) && holdsAny(pid, sockets)) {
      return `${readOptional(`/proc/${pid}/comm`)?.trim() ?? "unknown"} (pid ${pid})`;
    }
  }
  return "a socket that no process here has open, as those of a container whose engine is not running";
}

function holdsAny(pid: string, sockets: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).some((fd) => {
      try {
        return sockets.has(readlinkSync(`${folder}/${fd}`));
      } catch {
        return false; // closed since it was listed
      }
    });
  } catch {
    return false; // ended since it was listed, or not ours to look into
  }
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // no IPv6, or the process has ended
  }
}
