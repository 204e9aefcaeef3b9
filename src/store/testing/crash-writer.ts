/**
 * A process to be killed: writes records two by two into the store named by its argument, and prints how
 * many there are after each commit.
 */
import { writeSync } from "node:fs";
import { SqliteStore } from "#store/sqlite/store.ts";
import { CRASH_RECORDS, type CrashRecord } from "./crash-records.ts";

const store = SqliteStore.open(process.argv[2] ?? "");
const records = store.collection<CrashRecord>(CRASH_RECORDS);
for (let number = records.count(); ; number += 2) {
  store.transaction(() => {
    records.put(`key${number}`, { number });
    records.put(`key${number + 1}`, { number: number + 1 });
  });
  writeSync(1, `${number + 2}\n`);
}
