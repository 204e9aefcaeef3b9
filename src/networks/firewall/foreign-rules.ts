import { readFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { Nft } from "#host/nft.ts";
import type { Processes } from "#host/processes.ts";
import type { NetworkRules } from "#networks/driver.ts";
import {
  concerns,
  findObstacle,
  type ForwardChain,
  forwardChains,
  type Obstacle,
  planAccepts,
} from "./foreign-chains.ts";
import { LEGACY_FAMILIES, type LegacyFamily, planLegacy, runLegacy } from "./legacy-chain.ts";

/** `cooperate` adds accept rules where the host's own rules would drop our traffic; `respect` adds none. */
export type FirewallMode = "cooperate" | "respect";

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
  #warnings: readonly string[] = [];
  /** Nobody's chain concerned us when they were last looked at. */
  #isClear = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly nft: Nft;
    readonly processes: Pick<Processes, "run">;
    /** Name of the engine's table. */
    readonly table: string;
    readonly mode: FirewallMode;
    readonly warn: (message: string) => void;
  }) {
    this.#nft = options.nft;
    this.#processes = options.processes;
    this.#mark = options.table;
    this.#mode = options.mode;
    this.#warn = options.warn;
  }

  /** One for each chain that is in the way. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Other chains may have changed: they are looked at again at the next `follow`. */
  expectChange(): void {
    this.#isClear = false;
  }

  /** Brings the rules to what these networks need. Failing is said and stops nothing. */
  follow(networks: readonly NetworkRules[]): Promise<void> {
    if (this.#isClear) return Promise.resolve();
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
    const chains = forwardChains(await this.#nft.chains(), (table) => table.startsWith("wharf_"));
    const legacy = LEGACY_FAMILIES.filter(isUsed);
    this.#isClear = chains.length === 0 && legacy.length === 0;
    const warnings: string[] = [];
    for (const group of byTable(chains)) {
      warnings.push(...(await this.#followTable(group, networks)));
    }
    for (const family of legacy) warnings.push(...(await this.#followLegacy(family, networks)));
    for (const warning of warnings) if (!this.#warnings.includes(warning)) this.#warn(warning);
    this.#warnings = warnings;
  }

  async #followTable(
    [first, ...others]: readonly [ForwardChain, ...ForwardChain[]],
    networks: readonly NetworkRules[],
  ): Promise<readonly string[]> {
    const { family, table } = first;
    const listing = await this.#nft.list({ family, name: table });
    const obstacles = [first, ...others].flatMap((chain) => findObstacle(chain, listing) ?? []);
    const wanted = this.#mode === "respect" ? [] : obstacles.flatMap(({ place }) => place ?? []);
    const lines = planAccepts({
      family,
      table,
      listing,
      mark: this.#mark,
      wanted: [...new Set(wanted)],
      networks,
    });
    let failure: string | undefined;
    try {
      if (lines.length > 0) await this.#nft.run(`${lines.join("\n")}\n`);
    } catch (error) {
      failure = messageOf(error);
    }
    if (!concerns(networks, family)) return [];
    return obstacles.map((obstacle) => this.#warning(nameOf(obstacle), obstacle, failure));
  }

  async #followLegacy(
    { command, family }: LegacyFamily,
    networks: readonly NetworkRules[],
  ): Promise<readonly string[]> {
    const where = `chain FORWARD of ${command}`;
    const path = Bun.which(command);
    if (path === null) {
      return [
        `The host has rules of ${command}, and that command is missing: whether its chain FORWARD drops what containers send is not known`,
      ];
    }
    const listing = await runLegacy(this.#processes, path, ["-S", "FORWARD"]);
    if (listing === undefined) return [];
    const devices = networks
      .filter((network) => concerns([network], family))
      .map(({ bridgeName }) => bridgeName);
    const plan = planLegacy(listing, this.#mark, this.#mode === "respect" ? [] : devices);
    let failure: string | undefined;
    for (const words of plan.calls) {
      const output = await runLegacy(this.#processes, path, words);
      if (output === undefined) failure = `${command} ${words.join(" ")} failed`;
    }
    if (plan.why === undefined || devices.length === 0) return [];
    return [this.#warning(`${where} (${plan.why})`, { place: "FORWARD" }, failure)];
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
