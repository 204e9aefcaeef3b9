import { messageOf } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { Nft, NftChange } from "#host/nft.ts";
import type { Firewall } from "./firewall.ts";
import type { ForeignRules } from "./foreign-rules.ts";

/** Others change their rules in bursts: what comes within this is looked at once. */
const SETTLE_MS = 100;

/**
 * Follows what others do to the rules: puts the engine's own back when they were removed or changed, and looks anew
 * at the chains that its traffic passes.
 */
export class RuleWatch implements Disposable {
  readonly #options: {
    readonly nft: Nft;
    readonly namespaces: Namespaces;
    readonly clock: Clock;
    readonly firewall: Firewall;
    readonly foreign: ForeignRules;
    readonly table: string;
    readonly warn: (message: string) => void;
  };
  #watch: Disposable | undefined;
  #isChecking = false;
  #isAgain = false;
  #mayBeTorn = false;
  #isGone = false;

  constructor(options: {
    readonly nft: Nft;
    readonly namespaces: Namespaces;
    readonly clock: Clock;
    readonly firewall: Firewall;
    readonly foreign: ForeignRules;
    /** The engine's own. */
    readonly table: string;
    readonly warn: (message: string) => void;
  }) {
    this.#options = options;
  }

  /** From when the rules are in force. */
  begin(): void {
    try {
      this.#watch ??= this.#options.nft.watch((change) => this.#see(change));
      this.#options.foreign.relyOnNews();
    } catch (error) {
      this.#options.warn(`Changes of the nftables rules go unseen: ${messageOf(error)}`);
    }
  }

  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  #see(change: NftChange | undefined): void {
    const { table, foreign } = this.#options;
    if (change?.pid === process.pid) return;
    if (change?.deletedTables.has(table)) this.#isGone = true;
    else if (change === undefined || change.tables.has(table)) this.#mayBeTorn = true;
    foreign.expectChange();
    if (this.#isChecking) this.#isAgain = true;
    else void this.#check();
  }

  async #check(): Promise<void> {
    const { clock, foreign, firewall, warn } = this.#options;
    this.#isChecking = true;
    try {
      do {
        this.#isAgain = false;
        if (!this.#isGone) await clock.delay(SETTLE_MS);
        if (this.#watch === undefined) return;
        await this.#mend();
        await foreign.follow(firewall.networks);
      } while (this.#isAgain);
    } catch (error) {
      warn(`Cannot put the engine's nftables rules back: ${messageOf(error)}`);
    } finally {
      this.#isChecking = false;
    }
  }

  async #mend(): Promise<void> {
    const { firewall, namespaces, table, warn } = this.#options;
    const [isGone, mayBeTorn] = [this.#isGone, this.#mayBeTorn];
    this.#isGone = false;
    this.#mayBeTorn = false;
    if (isGone) {
      await firewall.restore();
      warn(`Somebody removed the engine's nftables table ${table}: it has been put back`);
    } else if (mayBeTorn && (await firewall.hasDrifted(namespaces))) {
      await firewall.restore();
      warn(`Somebody changed the engine's nftables table ${table}: it is as it was again`);
    }
  }
}
