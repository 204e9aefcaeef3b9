import { join } from "node:path";
import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Nft } from "#host/nft.ts";
import type { NetworkRules } from "#networks/driver.ts";
import {
  type Admission,
  planAdmissionChange,
  renderAdmission,
  renderAdmissionRemoval,
} from "./admission.ts";
import { DirectPorts, hasOwnRules } from "./direct-rules.ts";
import type { PublishedTarget } from "./published-target.ts";
import {
  planNetworkChange,
  planPortChange,
  renderRemoval,
  renderRuleset,
  tableNameOf,
} from "./ruleset.ts";

interface RuleChange {
  readonly add: readonly PublishedTarget[];
  readonly remove: readonly PublishedTarget[];
  readonly addNetworks: readonly NetworkRules[];
  readonly removeNetworks: readonly NetworkRules[];
}

const LOOPBACK = "lo";

type OnNetworks = (all: readonly NetworkRules[], added: readonly NetworkRules[]) => Promise<void>;

interface PendingChange extends RuleChange {
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Keeps the engine's table equal to what is wanted. Changes that come while one is under way go together
 * in the next transaction. When the kernel refuses a change, because somebody flushed the table, the whole
 * of it is put back: what is wanted is always known here.
 */
export class Firewall {
  readonly #nft: Nft;
  readonly #engineId: string;
  readonly #table: string;
  readonly #scratchDirectory: string;
  readonly #onNetworks: OnNetworks;
  readonly #admission: Admission | undefined;
  #nextScratch = 1;
  readonly #networks = new Map<string, NetworkRules>();
  readonly #ports = new Set<PublishedTarget>();
  /** Of `#ports`. */
  #direct = new DirectPorts();
  readonly #isRoutedDirectly: boolean;
  readonly #dataRoot: string | undefined;
  #pending: PendingChange[] = [];
  #running: Promise<void> | undefined;

  /**
   * @param options.scratchDirectory Folder for pins of namespaces that live for a moment; exists.
   * @param options.onNetworks What is to be done once other networks' rules are in force.
   */
  constructor(options: {
    readonly nft: Nft;
    readonly engineId: string;
    readonly scratchDirectory: string;
    readonly onNetworks?: OnNetworks;
    /** Absent: what comes to published ports does not meet the host's INPUT chains. */
    readonly admission?: Admission;
    /** @see NetworksConfig.isRoutedDirectly */
    readonly isRoutedDirectly?: boolean;
    /** Said in the table. */
    readonly dataRoot?: string;
  }) {
    this.#dataRoot = options.dataRoot;
    this.#isRoutedDirectly = options.isRoutedDirectly ?? false;
    this.#admission = options.admission;
    this.#onNetworks = options.onNetworks ?? (async () => {});
    this.#nft = options.nft;
    this.#scratchDirectory = options.scratchDirectory;
    this.#engineId = options.engineId;
    this.#table = tableNameOf(options.engineId);
  }

  /**
   * Replaces the table whole.
   *
   * @throws {FailedPreconditionError} The host has no nftables.
   */
  async install(
    networks: readonly NetworkRules[],
    ports: readonly PublishedTarget[],
  ): Promise<void> {
    await this.#idle();
    this.#networks.clear();
    this.#ports.clear();
    for (const network of networks) this.#networks.set(network.key, network);
    for (const port of ports) this.#ports.add(port);
    this.#direct = new DirectPorts(ports);
    try {
      // of an earlier daemon, that may have run with another --firewall
      await this.#nft.run(renderAdmissionRemoval(this.#table) + this.#renderAll());
    } catch (error) {
      const needs = this.#admission
        ? "--firewall=respect needs nftables with nft_dup_ipv4 and nft_dup_ipv6"
        : "networks and published ports need nftables (nf_tables of the kernel), iptables does not do";
      throw new FailedPreconditionError(`${messageOf(error)}; ${needs}`, { cause: error });
    }
    await this.#onNetworks(this.networks, this.networks);
  }

  /** Those whose rules are in force. */
  get networks(): readonly NetworkRules[] {
    return [...this.#networks.values()];
  }

  /**
   * @returns When the rules are in force.
   * @throws {FailedPreconditionError} nft or the kernel refuses; nothing of the change stays then.
   */
  publish(ports: readonly PublishedTarget[]): Promise<void> {
    return this.change({ add: ports, remove: [] });
  }

  /** @param ports The very objects that were published. */
  unpublish(ports: readonly PublishedTarget[]): Promise<void> {
    return this.change({ add: [], remove: ports });
  }

  /** `unpublish` and `publish` in one transaction. */
  change(change: {
    readonly add: readonly PublishedTarget[];
    readonly remove: readonly PublishedTarget[];
  }): Promise<void> {
    if (change.add.length + change.remove.length === 0) return Promise.resolve();
    return this.#enqueue({ ...change, addNetworks: [], removeNetworks: [] });
  }

  /** @throws {FailedPreconditionError} nft or the kernel refuses; nothing of the change stays then. */
  addNetwork(network: NetworkRules): Promise<void> {
    return this.#enqueue({ add: [], remove: [], addNetworks: [network], removeNetworks: [] });
  }

  /** One that is not there is no error. */
  removeNetwork(key: string): Promise<void> {
    const network = this.#networks.get(key);
    if (!network) return Promise.resolve();
    return this.#enqueue({ add: [], remove: [], addNetworks: [], removeNetworks: [network] });
  }

  #enqueue(change: RuleChange): Promise<void> {
    const done = Promise.withResolvers<void>();
    this.#pending.push({ ...change, done });
    this.#running ??= this.#work();
    return done.promise;
  }

  /**
   * Whether somebody else changed the table. What it should be is loaded into a namespace of its own and read
   * back, as the kernel prints a ruleset otherwise than it was written.
   */
  async hasDrifted(
    namespaces: Pick<Namespaces, "createNetwork" | "removeNetwork">,
  ): Promise<boolean> {
    await this.#idle();
    const families = ["inet", ...(this.#admission ? ["ip"] : [])];
    if (this.#admission?.hasIpv6) families.push("ip6");
    const path = join(this.#scratchDirectory, `check-${process.pid}-${this.#nextScratch++}`);
    namespaces.createNetwork(path);
    try {
      // of the devices that rules name only this one is there
      const elsewhere = this.#admission && { ...this.#admission, outDevice: LOOPBACK };
      await this.#nft.run(this.#renderAll(elsewhere), path);
      for (const family of families) {
        const table = { family, name: this.#table };
        const wanted = await this.#nft.list(table, path);
        const found = withoutDevice(await this.#nft.list(table), this.#admission?.outDevice);
        if (!isSameRuleset(wanted, found)) return true;
      }
      return false;
    } finally {
      namespaces.removeNetwork(path);
    }
  }

  /** Puts the whole table back. */
  async restore(): Promise<void> {
    await this.#idle();
    await this.#nft.run(this.#renderAll());
  }

  async remove(): Promise<void> {
    await this.#idle();
    this.#networks.clear();
    this.#ports.clear();
    this.#direct = new DirectPorts();
    await this.#nft.run(renderRemoval(this.#table) + renderAdmissionRemoval(this.#table));
  }

  async #idle(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async #work(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending;
      this.#pending = [];
      await this.#applyBatch(batch);
    }
    this.#running = undefined;
  }

  async #applyBatch(batch: readonly PendingChange[]): Promise<void> {
    const remove = batch.flatMap((change) => change.remove).filter((port) => this.#ports.has(port));
    const add = batch.flatMap((change) => change.add);
    const networks = {
      add: batch.flatMap((change) => change.addNetworks),
      remove: batch
        .flatMap((change) => change.removeNetworks)
        .filter(({ key }) => this.#networks.has(key)),
    };
    for (const { key } of networks.remove) this.#networks.delete(key);
    for (const network of networks.add) this.#networks.set(network.key, network);
    for (const port of remove) this.#ports.delete(port);
    for (const port of add) this.#ports.add(port);
    const closed = remove.filter((port) => this.#direct.delete(port));
    const opened = add.filter((port) => this.#direct.add(port));
    try {
      await this.#apply({ add, remove, opened, closed }, networks);
      if (networks.add.length + networks.remove.length > 0) {
        await this.#onNetworks(this.networks, networks.add);
      }
      for (const { done } of batch) done.resolve();
    } catch (error) {
      for (const port of add) this.#ports.delete(port);
      for (const { key } of networks.add) this.#networks.delete(key);
      for (const { add: wanted, remove: gone } of batch) {
        // an exchange that failed changes nothing; what was only to go stays gone
        if (wanted.length > 0) for (const port of gone) this.#ports.add(port);
      }
      this.#direct = new DirectPorts(this.#ports);
      const refusal = new FailedPreconditionError(
        "Cannot change the rules of networks and published ports",
        {
          cause: error,
        },
      );
      for (const { done } of batch) done.reject(refusal);
    }
  }

  /** As steps; where the kernel refuses those, as the table whole, which has them already. */
  async #apply(
    ports: Parameters<typeof planPortChange>[0],
    networks: { readonly add: readonly NetworkRules[]; readonly remove: readonly NetworkRules[] },
  ): Promise<void> {
    if (networks.add.some((network) => hasOwnRules(network, this.#isRoutedDirectly))) {
      return await this.#nft.run(this.#renderAll());
    }
    const ops = [...planPortChange(ports), ...planNetworkChange(networks)];
    if (ops.length === 0) return;
    const admission = this.#admission ? planAdmissionChange(this.#admission, ports) : [];
    const table = this.#table;
    try {
      this.#nft.change([
        { family: "inet", table, ops },
        ...admission.map((change) => ({ ...change, table })),
      ]);
    } catch {
      await this.#nft.run(this.#renderAll());
    }
  }

  #renderAll(admission: Admission | undefined = this.#admission): string {
    const ports = [...this.#ports];
    const tables = admission ? renderAdmission(this.#table, admission, ports) : "";
    return `${this.#renderOwn(admission?.inDevice)}${tables}`;
  }

  #renderOwn(admittedBy: string | undefined): string {
    return renderRuleset({
      ...(admittedBy === undefined ? {} : { admittedBy }),
      table: this.#table,
      engineId: this.#engineId,
      networks: [...this.#networks.values()],
      ports: [...this.#ports],
      isRoutedDirectly: this.#isRoutedDirectly,
      ...(this.#dataRoot === undefined ? {} : { dataRoot: this.#dataRoot }),
    });
  }
}

/** @param listing Of the host. @returns As it would be with the loopback device in place of `device`. */
function withoutDevice(listing: unknown, device: string | undefined): unknown {
  if (listing === undefined || device === undefined) return listing;
  return JSON.parse(JSON.stringify(listing).replaceAll(`"${device}"`, `"${LOOPBACK}"`));
}

const CHANGING_KEYS: ReadonlySet<string> = new Set(["handle", "index", "packets", "bytes"]);

/** `nft -j list` without handles and counters; elements of sets and maps have no order. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !CHANGING_KEYS.has(key));
  return Object.fromEntries(
    entries.map(([key, item]: [string, unknown]) => {
      const inside = comparable(item);
      if (key !== "elem" || !Array.isArray(inside)) return [key, inside];
      return [key, inside.map((element) => JSON.stringify(element)).sort()];
    }),
  );
}

/** Compares two answers of `Nft.list`; undefined is a table that is not there. */
export function isSameRuleset(wanted: unknown, found: unknown): boolean {
  const linesOf = (answer: unknown): readonly string[] => {
    const { nftables = [] } = (comparable(answer) ?? {}) as { nftables?: readonly object[] };
    return nftables.filter((item) => !("metainfo" in item)).map((item) => JSON.stringify(item));
  };
  const [left, right] = [linesOf(wanted), linesOf(found)];
  // chains may come in another order after changes; the rules of one chain may not
  const rules = (lines: readonly string[]) => lines.filter((line) => line.startsWith('{"rule"'));
  return (
    left.toSorted().join("\n") === right.toSorted().join("\n") &&
    chainsInOrder(rules(left)) === chainsInOrder(rules(right))
  );
}

/** The rules of each chain in their order, chains sorted. */
function chainsInOrder(rules: readonly string[]): string {
  const chains = new Map<string, string[]>();
  for (const rule of rules) {
    const chain = /"chain":"([^"]*)"/.exec(rule)?.[1] ?? "";
    chains.set(chain, [...(chains.get(chain) ?? []), rule]);
  }
  return [...chains.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([chain, lines]) => `${chain}\n${lines.join("\n")}`)
    .join("\n");
}
