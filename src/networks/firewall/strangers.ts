/**
 * What engines that are no more have left in other people's chains.
 *
 * The accept rules of an engine that was killed stay in the host's forward chains, for its containers run on, and the
 * engine takes them over when it starts again. When it never will, they stay for good. An engine is gone when its data
 * root is in no mount namespace of the host (its table says where that was), or when its table is gone while nobody puts
 * it back: an engine that runs does so at once, and one that starts makes rules and table anew.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import type { Fault } from "#base/fault.ts";
import type { Netlink } from "#host/netlink.ts";
import type { Nft } from "#host/nft.ts";
import type { Processes } from "#host/processes.ts";
import { aliasOf } from "#networks/own-devices.ts";
import { renderAdmissionRemoval } from "./admission.ts";
import { forwardChains } from "./foreign-chains.ts";
import { LEGACY_FAMILIES, ownLegacyRules, runLegacy } from "./legacy-chain.ts";
import { HOME_CHAIN, renderRemoval } from "./ruleset.ts";

export interface StrangersOptions {
  readonly nft: Nft;
  readonly netlink: Pick<Netlink, "apply" | "links">;
  readonly processes: Pick<Processes, "run">;
  /** Name of the engine's own table. */
  readonly table: string;
}

interface MarkedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
}

/** Where an engine is at home, as its table says. */
interface Home {
  readonly engineId: string;
  readonly dataRoot: string;
}

const MARK = /^wharf_[a-z0-9]{1,8}$/;

/** Finds, and takes away on request, rules of engines that are no more. */
export class Strangers {
  readonly #options: StrangersOptions;

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  /** One for each engine that is gone and has rules in other people's forward chains. */
  async faults(): Promise<readonly Fault[]> {
    const faults: Fault[] = [];
    for (const mark of await this.#marks()) {
      const fault = await this.#faultOf(mark);
      if (fault) faults.push(fault);
    }
    return faults;
  }

  async #marks(): Promise<readonly string[]> {
    const comments = (await this.#rules()).map(({ comment = "" }) => comment);
    const legacy = (await this.#legacy()).flatMap(({ listing }) =>
      [...listing.matchAll(/--comment (wharf_\w+) /g)].map(([, mark = ""]) => mark),
    );
    const others = [...comments, ...legacy].filter(
      (mark) => MARK.test(mark) && mark !== this.#options.table,
    );
    return [...new Set(others)].toSorted((a, b) => (a < b ? -1 : 1));
  }

  /** All rules of the tables that have forward chains of others. */
  async #rules(): Promise<readonly MarkedRule[]> {
    const { nft } = this.#options;
    const chains = forwardChains(await nft.chains(), (table) => table.startsWith("wharf_"));
    const tables = new Map(chains.map((chain) => [`${chain.family} ${chain.table}`, chain]));
    const rules: MarkedRule[] = [];
    for (const { family, table } of tables.values()) {
      rules.push(...rulesOf(await nft.list({ family, name: table })));
    }
    return rules;
  }

  async #legacy(): Promise<readonly { readonly path: string; readonly listing: string }[]> {
    const found: { readonly path: string; readonly listing: string }[] = [];
    for (const { command, tablesFile } of LEGACY_FAMILIES) {
      const path = Bun.which(command);
      // asking would make the table
      if (path === null || !tryRead(tablesFile)?.split("\n").includes("filter")) continue;
      const listing = await runLegacy(this.#options.processes, path, ["-S", "FORWARD"]);
      if (listing !== undefined) found.push({ path, listing });
    }
    return found;
  }

  async #faultOf(mark: string): Promise<Fault | undefined> {
    const listing = await this.#options.nft.list({ family: "inet", name: mark });
    const home = listing === undefined ? undefined : homeOf(listing);
    if (listing !== undefined && (!home || isThere(home))) return undefined;
    const what = home
      ? `Engine ${home.engineId} is no more (its data root ${home.dataRoot} is gone)`
      : `The engine of table ${mark} is no more (its table is gone)`;
    const explanation = `${what}: its rules in the host's forward chains are left`;
    const fault = { kind: "rules", subject: mark } as const;
    if (home && this.#hasContainers(home)) {
      return { ...fault, explanation: `${explanation}, and so are containers of it` };
    }
    return {
      ...fault,
      explanation,
      mend: {
        words: "remove the rules, and what else is left of its networks",
        apply: async () => {
          if (await this.#faultOf(mark)) await this.#remove(mark, home);
        },
      },
    };
  }

  /** Something is plugged into one of its bridges. */
  #hasContainers({ engineId }: Home): boolean {
    return this.#options.netlink
      .links()
      .some(({ alias, masterIndex }) => alias === aliasOf(engineId) && masterIndex !== undefined);
  }

  async #remove(mark: string, home: Home | undefined): Promise<void> {
    const { nft, netlink, processes } = this.#options;
    const own = (await this.#rules()).filter(({ comment }) => comment === mark);
    const lines = own.map(
      ({ family, table, chain, handle }) =>
        `delete rule ${family} ${table} ${chain} handle ${handle}\n`,
    );
    if (lines.length > 0) await nft.run(lines.join(""));
    for (const { path, listing } of await this.#legacy()) {
      for (const rule of ownLegacyRules(listing, mark)) {
        await runLegacy(processes, path, ["-D", "FORWARD", ...rule]);
      }
    }
    if (!home) return;
    await nft.run(renderRemoval(mark) + renderAdmissionRemoval(mark));
    const devices = netlink.links().filter(({ alias }) => alias === aliasOf(home.engineId));
    for (const { name } of devices) {
      // of a pair the second goes with the first
      if (netlink.links().some((link) => link.name === name)) {
        netlink.apply([{ kind: "delete-link", name }]);
      }
    }
  }
}

function rulesOf(listing: unknown): readonly MarkedRule[] {
  const { nftables = [] } = (listing ?? {}) as {
    nftables?: readonly { readonly rule?: MarkedRule }[];
  };
  return nftables.flatMap(({ rule }) => rule ?? []);
}

/** @param listing Of an engine's table. @returns Undefined where it does not say: it may be any engine's. */
function homeOf(listing: unknown): Home | undefined {
  const said = rulesOf(listing).find(({ chain }) => chain === HOME_CHAIN)?.comment ?? "";
  const [, engineId, dataRoot] = /^(\S+) (\/\S*)$/.exec(said) ?? [];
  return engineId === undefined || dataRoot === undefined ? undefined : { engineId, dataRoot };
}

/** Whether any process of the host sees the engine's data root: it may be in a mount namespace of its own. */
function isThere({ engineId, dataRoot }: Home): boolean {
  const seen = new Set<string>();
  for (const pid of readdirSync("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const root = `/proc/${pid}/root`;
    const place = `${tryLink(`/proc/${pid}/ns/mnt`)} ${tryLink(root)}`;
    if (seen.has(place)) continue;
    seen.add(place);
    if (tryRead(`${root}${dataRoot}/engine-id`)?.trim() === engineId) return true;
  }
  return false;
}

/** Undefined for what is not there, or belongs to a process that ended meanwhile. */
function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function tryLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
