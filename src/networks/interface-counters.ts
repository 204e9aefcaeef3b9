import type { InterfaceCounters } from "./networks.ts";

/**
 * Reads /proc/net/dev, all devices but `lo`.
 *
 * @param text Two lines of headings, then `name: ` and 16 numbers: 8 received, 8 sent.
 */
export function parseInterfaceCounters(text: string): Readonly<Record<string, InterfaceCounters>> {
  const counters: Record<string, InterfaceCounters> = {};
  for (const line of text.split("\n").slice(2)) {
    const match = /^\s*([^:]+):\s*(.*)$/.exec(line);
    if (!match?.[1] || match[1] === "lo") continue;
    const values = (match[2] ?? "").split(/\s+/).map(Number);
    const at = (index: number): number => values[index] ?? 0;
    counters[match[1]] = {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
    };
  }
  return counters;
}
