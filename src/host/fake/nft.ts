import { FailedPreconditionError } from "#base/errors.ts";
import type { Nft, NftTableChange } from "#host/nft.ts";

/** Keeps the scripts; understands none of them. */
export class FakeNft implements Nft {
  readonly scripts: { readonly script: string; readonly namespacePath?: string }[] = [];
  readonly changes: (readonly NftTableChange[])[] = [];
  readonly #tables = new Map<string, unknown>();
  #refusal: string | undefined;

  /** Lets the next script be refused with `reason`. */
  refuseNext(reason: string): void {
    this.#refusal = reason;
  }

  /** What `list` gives for a table. */
  setTable(family: string, name: string, ruleset: unknown): void {
    this.#tables.set(`${family} ${name}`, ruleset);
  }

  async run(script: string, namespacePath?: string): Promise<void> {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal !== undefined) {
      throw new FailedPreconditionError(`Cannot change the nftables rules: ${refusal}`);
    }
    this.scripts.push(namespacePath === undefined ? { script } : { script, namespacePath });
  }

  change(tables: readonly NftTableChange[]): readonly number[] {
    this.changes.push(tables);
    return [];
  }

  async list(table?: { readonly family: string; readonly name: string }): Promise<unknown> {
    if (table !== undefined) return this.#tables.get(`${table.family} ${table.name}`);
    return { nftables: [...this.#tables.values()] };
  }

  async chains(): Promise<unknown> {
    return { nftables: [] };
  }

  /** Nothing ever changes. */
  watch(): Disposable {
    return { [Symbol.dispose]() {} };
  }
}
