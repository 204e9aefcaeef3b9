import type { PortProtocol } from "./sockets.ts";

/** One part of an element of a set or map, by its type there. */
export type NftField =
  /** IPv4 or IPv6. */
  | { readonly address: string }
  /** `10.0.0.0/24`, in a set of ranges. */
  | { readonly subnet: string }
  | { readonly protocol: PortProtocol }
  | { readonly port: number }
  | { readonly device: string };

/** Of a set or map. */
export interface NftElement {
  /** Its parts in their order; of a range alone. */
  readonly key: readonly NftField[];
  /** Of a map: what the key leads to, which may be a chain. */
  readonly value?: readonly NftField[] | { readonly jump: string };
}

/** One part of a rule. */
export type NftStatement =
  /** `ct status dnat`: it came by an address that was rewritten. */
  | { readonly kind: "led" }
  | {
      readonly kind: "device";
      readonly way: "in" | "out";
      readonly name: string;
      readonly isNot?: true;
    }
  | { readonly kind: "accept" | "drop" | "masquerade" | "counter" };

/** A chain that others lead to. */
export interface NftChain {
  readonly name: string;
  readonly rules: readonly (readonly NftStatement[])[];
}

/** One step on a table. */
export type NftOp =
  | {
      readonly kind: "add-elements" | "delete-elements";
      readonly set: string;
      readonly elements: readonly NftElement[];
    }
  | { readonly kind: "add-chain"; readonly chain: NftChain }
  /** With its rules; nothing may lead to it any more. */
  | { readonly kind: "delete-chain"; readonly name: string }
  | {
      readonly kind: "add-rule";
      readonly chain: string;
      readonly statements: readonly NftStatement[];
      readonly comment: string;
      /** Handle of the rule that it is put before; at the end when absent. */
      readonly before?: number;
    }
  | { readonly kind: "delete-rule"; readonly chain: string; readonly handle: number };

export interface NftTableChange {
  readonly family: "inet" | "ip" | "ip6";
  readonly table: string;
  readonly ops: readonly NftOp[];
}

/** One transaction of the kernel. */
export interface NftChange {
  /** Of the process that made it. */
  readonly pid: number;
  /** Names of the tables that it touched, of all families. */
  readonly tables: ReadonlySet<string>;
  readonly deletedTables: ReadonlySet<string>;
}

/** nftables. A script is one transaction: all of it or nothing. */
export interface Nft {
  /**
   * @param script In nft(8)'s language.
   * @param namespacePath The network namespace; the host's when absent.
   * @throws {FailedPreconditionError} With nft's own message, when the kernel or nft refuses.
   */
  run(script: string, namespacePath?: string): Promise<void>;
  /**
   * Steps in the daemon's namespace, in one transaction: what a script could do, but it takes 0.1 ms however much the
   * table holds, where nft reads all that there is first.
   *
   * @returns Handles of what each "add-rule" added, in their order; fewer where they are too many to be told.
   * @throws When the kernel refuses one of them; nothing is changed then.
   */
  change(tables: readonly NftTableChange[]): readonly number[];
  /** The ruleset of one table, or of all, as nft prints it in JSON (`nft -j list …`); undefined when absent. */
  list(
    table?: { readonly family: string; readonly name: string },
    namespacePath?: string,
  ): Promise<unknown>;
  /** All chains without their rules (`nft -j list chains`). */
  chains(): Promise<unknown>;
  /**
   * Tells of every transaction in the daemon's namespace, its own too.
   *
   * @param onChange Undefined where some were lost.
   */
  watch(onChange: (change: NftChange | undefined) => void): Disposable;
}
