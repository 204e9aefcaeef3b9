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
