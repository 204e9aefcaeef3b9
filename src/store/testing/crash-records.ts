import type { CollectionDefinition } from "#store/store.ts";

/** What `crash-writer.ts` writes. */
export interface CrashRecord {
  readonly number: number;
}

export const CRASH_RECORDS: CollectionDefinition<CrashRecord> = {
  name: "crashes",
  version: 1,
  indexes: { parity: (record) => [record.number % 2 === 0 ? "even" : "odd"] },
};
