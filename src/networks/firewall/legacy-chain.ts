import type { Processes } from "#host/processes.ts";

/** The old kernel interface of iptables, beside nftables: its chains are not among those of `nft list`. */
export interface LegacyFamily {
  readonly command: "iptables-legacy" | "ip6tables-legacy";
  readonly family: "ip" | "ip6";
  /** Names the tables that somebody has used. */
  readonly tablesFile: string;
}

export const LEGACY_FAMILIES: readonly LegacyFamily[] = [
  { command: "iptables-legacy", family: "ip", tablesFile: "/proc/net/ip_tables_names" },
  { command: "ip6tables-legacy", family: "ip6", tablesFile: "/proc/net/ip6_tables_names" },
];

export interface LegacyPlan {
  /** `policy drop`; undefined when what is left is accepted. */
  readonly why?: string;
  /** Arguments of one call each. */
  readonly calls: readonly (readonly string[])[];
}

/**
 * @param listing `iptables-legacy -S FORWARD`.
 * @param mark Comment of the rules that are ours.
 * @param devices Those whose packets are to pass; none to take our rules away.
 */
export function planLegacy(listing: string, mark: string, devices: readonly string[]): LegacyPlan {
  const lines = listing.split("\n").filter((line) => line !== "");
  const rules = lines.filter((line) => line.startsWith("-A FORWARD "));
  const isOwn = (line: string): boolean => line.includes(`--comment ${mark} `);
  const others = rules.filter((line) => !isOwn(line));
  const end = others.findIndex((line) => /^-A FORWARD -j (?:DROP|REJECT)\b/.test(line));
  const isPolicyDrop = lines.includes("-P FORWARD DROP");
  const why = end >= 0 ? "a rule for all that is left" : isPolicyDrop ? "policy drop" : undefined;
  const wanted = (why === undefined ? [] : devices).flatMap((device) =>
    ["-i", "-o"].map((side) => [side, device, "-m", "comment", "--comment", mark, "-j", "ACCEPT"]),
  );
  const there = rules.filter(isOwn).map((line) => line.slice("-A FORWARD ".length));
  const isSame =
    there.toSorted().join("\n") ===
    wanted
      .map((words) => words.join(" "))
      .toSorted()
      .join("\n");
  if (isSame) return { ...(why === undefined ? {} : { why }), calls: [] };
  const place = end >= 0 ? ["-I", "FORWARD", String(end + 1)] : ["-A", "FORWARD"];
  return {
    ...(why === undefined ? {} : { why }),
    calls: [
      ...there.map((rule) => ["-D", "FORWARD", ...rule.split(" ")]),
      ...wanted.map((words) => [...place, ...words]),
    ],
  };
}

/**
 * Rules of chain FORWARD that carry a mark, as words behind the chain's name.
 *
 * @param listing `iptables-legacy -S FORWARD`.
 */
export function ownLegacyRules(listing: string, mark: string): readonly (readonly string[])[] {
  const start = "-A FORWARD ";
  return listing
    .split("\n")
    .filter((line) => line.startsWith(start) && line.includes(`--comment ${mark} `))
    .map((line) => line.slice(start.length).split(" "));
}

/** Runs one call of iptables. @returns Its output; undefined when it failed. */
export async function runLegacy(
  processes: Pick<Processes, "run">,
  path: string,
  words: readonly string[],
): Promise<string | undefined> {
  const { code, stdout } = await processes.run({ argv: [path, "-w", "5", ...words] });
  return code === 0 ? stdout : undefined;
}
