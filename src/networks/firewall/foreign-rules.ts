import { readFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Nft } from "#host/nft.ts";
import type { Processes } from "#host/processes.ts";
import type { NetworkRules } from "#networks/driver.ts";
import {
  acceptOps,
  concerns,
  type ForeignTable,
  type ForwardChain,
  forwardChains,
  type Obstacle,
  planAccepts,
  readForeignTable,
  withAccepts,
} from "./foreign-chains.ts";
import { LEGACY_FAMILIES, type LegacyFamily, planLegacy, runLegacy } from "./legacy-chain.ts";

/** `cooperate` adds accept rules where the host's own rules would drop our traffic; `respect` adds none. */
export type FirewallMode = "cooperate" | "respect";

interface LegacyState {
  /** It is in nobody's way. */
  readonly isClear: boolean;
  readonly warning?: string;
}

/** Nobody tells of changes of iptables-legacy: where it was in nobody's way it is looked at again after this. */
const LEGACY_TRUST_MS = 5000;

/**
 * Keeps the accept rules that stand in other people's chains as they should be, and says which chains are in the
 * way. Rules of ours carry the table's name as their comment.
 */
export class ForeignRules {
  readonly #nft: Nft;
  readonly #processes: Pick<Processes, "run">;
  readonly #mark: string;
  readonly #mode: FirewallMode;
  readonly #warn: (message: string) => void;
  readonly #clock: Pick<Clock, "monotonicMs">;
  #warnings: readonly string[] = [];
  /** As they are while nobody else changes them; undefined when they have to be looked at. */
  #tables: Map<string, ForeignTable> | undefined;
  #isTold = false;
  #legacyClearUntilMs = 0;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly nft: Nft;
    readonly processes: Pick<Processes, "run">;
    readonly clock: Pick<Clock, "monotonicMs">;
    /** Name of the engine's table. */
    readonly table: string;
    readonly mode: FirewallMode;
    readonly warn: (message: string) => void;
  }) {
    this.#nft = options.nft;
    this.#processes = options.processes;
    this.#clock = options.clock;
    this.#mark = options.table;
    this.#mode = options.mode;
    this.#warn = options.warn;
  }

  /** One for each chain that is in the way. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** From here on `expectChange` tells of every change by others: what was seen once is as it was until then. */
  relyOnNews(): void {
    this.expectChange();
    this.#isTold = true;
  }

  /** Other chains may have changed: they are looked at again at the next `follow`. */
  expectChange(): void {
    this.#tables = undefined;
    this.#legacyClearUntilMs = 0;
  }

  /** Brings the rules to what these networks need. Failing is said and stops nothing. */
  follow(networks: readonly NetworkRules[]): Promise<void> {
    this.#turn = this.#turn
      .then(() => this.#follow(networks))
      .catch((error: unknown) => {
        this.#warn(`Cannot look at the host's own forward rules: ${messageOf(error)}`);
      });
    return this.#turn;
  }

  /** Takes all rules of ours away. */
  async remove(): Promise<void> {
    this.expectChange();
    await this.follow([]);
  }

  async #follow(networks: readonly NetworkRules[]): Promise<void> {
    const tables = (this.#isTold ? this.#tables : undefined) ?? (await this.#look());
    const warnings: string[] = [];
    for (const [key, table] of tables) {
      warnings.push(...this.#followTable(tables, key, table, networks));
    }
    warnings.push(...(await this.#followAllLegacy(networks)));
    for (const warning of warnings) if (!this.#warnings.includes(warning)) this.#warn(warning);
    this.#warnings = warnings;
  }

  async #look(): Promise<Map<string, ForeignTable>> {
    const tables = new Map<string, ForeignTable>();
    // what changes from here on is news to this picture
    this.#tables = tables;
    const chains = forwardChains(await this.#nft.chains(), (table) => table.startsWith("wharf_"));
    for (const group of byTable(chains)) {
      const [{ family, table: name }] = group;
      const listing = await this.#nft.list({ family, name });
      tables.set(`${family} ${name}`, readForeignTable(group, listing, this.#mark));
    }
    return tables;
  }

  #followTable(
    tables: Map<string, ForeignTable>,
    key: string,
    table: ForeignTable,
    networks: readonly NetworkRules[],
  ): readonly string[] {
    const { family, name, obstacles } = table;
    const change = planAccepts(table, this.#mode === "respect" ? [] : networks);
    let failure: string | undefined;
    if (change.remove.length + change.add.length > 0) {
      try {
        const ops = acceptOps(table, change, this.#mark);
        const handles = this.#nft.change([{ family, table: name, ops }]);
        tables.set(key, withAccepts(table, change, handles));
        if (handles.length < change.add.length) this.#tables = undefined;
      } catch (error) {
        failure = messageOf(error);
        this.#tables = undefined;
      }
    }
    if (!concerns(networks, family)) return [];
    return obstacles.map((obstacle) => this.#warning(nameOf(obstacle), obstacle, failure));
  }

  async #followAllLegacy(networks: readonly NetworkRules[]): Promise<readonly string[]> {
    if (this.#clock.monotonicMs() < this.#legacyClearUntilMs) return [];
    const found: LegacyState[] = [];
    for (const family of LEGACY_FAMILIES.filter(isUsed)) {
      found.push(await this.#followLegacy(family, networks));
    }
    if (found.every(({ isClear }) => isClear)) {
      this.#legacyClearUntilMs = this.#clock.monotonicMs() + LEGACY_TRUST_MS;
    }
    return found.flatMap(({ warning }) => warning ?? []);
  }

  async #followLegacy(
    { command, family }: LegacyFamily,
    networks: readonly NetworkRules[],
  ): Promise<LegacyState> {
    const where = `chain FORWARD of ${command}`;
    const path = Bun.which(command);
    if (path === null) {
      const warning = `The host has rules of ${command}, and that command is missing: whether its chain FORWARD drops what containers send is not known`;
      return { isClear: false, warning };
    }
    const listing = await runLegacy(this.#processes, path, ["-S", "FORWARD"]);
    if (listing === undefined) return { isClear: false };
    const devices = networks
      .filter((network) => concerns([network], family))
      .map(({ bridgeName }) => bridgeName);
    const plan = planLegacy(listing, this.#mark, this.#mode === "respect" ? [] : devices);
    let failure: string | undefined;
    for (const words of plan.calls) {
      const output = await runLegacy(this.#processes, path, words);
      if (output === undefined) failure = `${command} ${words.join(" ")} failed`;
    }
    if (plan.why === undefined) return { isClear: true };
    if (devices.length === 0) return { isClear: false };
    const warning = this.#warning(`${where} (${plan.why})`, { place: "FORWARD" }, failure);
    return { isClear: false, warning };
  }

  #warning(where: string, { place }: Pick<Obstacle, "place">, failure: string | undefined): string {
    const what = `The host's ${where} drops forwarded packets`;
    if (this.#mode === "respect") {
      return `${what}: published ports and the containers' way out work as far as it allows (--firewall=respect)`;
    }
    if (place === undefined) {
      return `${what} by DOCKER-USER: published ports and the containers' way out work as far as it allows`;
    }
    return failure === undefined
      ? `${what}: rules with the comment ${this.#mark} in chain ${place} accept those of this engine's networks`
      : `${what}, and it cannot be made to accept those of this engine's networks: ${failure}`;
  }
}

function isUsed({ tablesFile }: LegacyFamily): boolean {
  try {
    return readFileSync(tablesFile, "utf8").split("\n").includes("filter");
  } catch {
    return false; // a kernel without that interface
  }
}

function nameOf({ chain: { family, table, name }, why }: Obstacle): string {
  return `chain ${name} of table ${family} ${table} (${why})`;
}

function byTable(
  chains: readonly ForwardChain[],
): readonly (readonly [ForwardChain, ...ForwardChain[]])[] {
  const groups = new Map<string, [ForwardChain, ...ForwardChain[]]>();
  for (const chain of chains) {
    const key = `${chain.family} ${chain.table}`;
    const group = groups.get(key);
    if (group) group.push(chain);
    else groups.set(key, [chain]);
  }
  return [...groups.values()];
}
