/** A process to be killed: migrates the store named by its argument, and prints a line before each record. */
import { writeSync } from "node:fs";
import { SqliteStore } from "#store/sqlite/store.ts";
import { newDefinitions } from "./migrating-records.ts";

using store = SqliteStore.open(process.argv[2] ?? "");
const { boxes, lids } = newDefinitions(() => void writeSync(1, "record\n"));
store.openTogether(() => {
  store.collection(boxes);
  store.collection(lids);
});
writeSync(1, "done\n");
