import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailedPreconditionError, InternalError } from "#base/errors.ts";
import { newDefinitions, OLD_BOXES, OLD_LIDS } from "#store/testing/migrating-records.ts";
import { SqliteStore } from "./store.ts";

const RECORDS = 400;

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-migration-"));
  path = join(folder, "state.db");
});
afterEach(() => rmSync(folder, { recursive: true }));

function writeOld(): void {
  using store = SqliteStore.open(path);
  const [boxes, lids] = [store.collection(OLD_BOXES), store.collection(OLD_LIDS)];
  store.transaction(() => {
    for (let number = 0; number < RECORDS; number += 1) {
      boxes.put(`box${number}`, `n${number} old`);
      lids.put(`lid${number}`, `n${number} old`);
    }
  });
}

function openNew(store: SqliteStore, onRecord?: () => void) {
  const { boxes, lids } = newDefinitions(onRecord);
  store.openTogether(() => {
    store.collection(boxes);
    store.collection(lids);
  });
  return { boxes: store.collection(boxes), lids: store.collection(lids) };
}

/** Every row of every table but the room that the store keeps. */
function contents(): unknown {
  using database = new Database(path);
  const tables = database
    .query<{ name: string }, []>(
      "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name",
    )
    .all();
  return tables.map(({ name }) => [name, database.query(`SELECT * FROM ${name}`).all()]);
}

function versions(): unknown {
  using database = new Database(path);
  return ["boxes", "lids"].map((name) =>
    database.query(`SELECT DISTINCT version FROM records_${name}`).all(),
  );
}

test("all collections are migrated at once, with their new indexes", () => {
  writeOld();
  using store = SqliteStore.open(path);
  const { boxes, lids } = openNew(store);
  expect(boxes.get("box7")).toEqual({ labels: ["n7", "old"] });
  expect(lids.findBy("label", "old")).toHaveLength(RECORDS);
  expect(versions()).toEqual([[{ version: 2 }], [{ version: 2 }]]);
});

test("a migration that fails at the last record changes nothing, and may be tried again", () => {
  writeOld();
  const before = contents();
  {
    using store = SqliteStore.open(path);
    let left = 2 * RECORDS;
    const failing = (): void => {
      left -= 1;
      if (left === 0) throw new InternalError("a record that nobody thought of");
    };
    expect(() => openNew(store, failing)).toThrow("a record that nobody thought of");
    expect(contents()).toEqual(before);
    expect(openNew(store).boxes.count()).toBe(RECORDS);
  }
  expect(versions()).toEqual([[{ version: 2 }], [{ version: 2 }]]);
});

test("a newer database is refused by name, and nothing in it changes", () => {
  writeOld();
  {
    using store = SqliteStore.open(path);
    store.collection(newDefinitions().lids);
  }
  const rows = contents();
  {
    using store = SqliteStore.open(path);
    const open = (): void =>
      store.openTogether(() => {
        store.collection({ ...OLD_BOXES, name: "fresh" });
        store.collection(OLD_BOXES);
        store.collection(OLD_LIDS);
      });
    expect(open).toThrow(FailedPreconditionError);
    expect(open).toThrow(
      "Cannot read lids: a newer Wharf wrote version 2, this one knows up to 1; start that Wharf, or use another data root",
    );
  }
  expect(contents()).toEqual(rows);
});

test.each([1, RECORDS / 2, RECORDS + 1, 2 * RECORDS])(
  "kill -9 before record %i is migrated leaves the old records, which both versions read",
  async (records) => {
    writeOld();
    const before = contents();
    const script = join(import.meta.dir, "../testing/migrating-process.ts");
    const child = Bun.spawn([process.execPath, script, path], { stdout: "pipe" });
    let seen = 0;
    for await (const chunk of child.stdout) {
      seen += chunk.filter((byte) => byte === 0x0a).length;
      if (seen >= records) child.kill("SIGKILL");
    }
    await child.exited;
    const [boxes, lids] = versions() as { version: number }[][];
    expect(boxes).toEqual(lids ?? []);
    expect(boxes).toHaveLength(1);
    if (boxes?.[0]?.version === 1) expect(contents()).toEqual(before);
    using store = SqliteStore.open(path);
    expect(openNew(store).lids.findBy("label", "n9")).toEqual([
      ["lid9", { labels: ["n9", "old"] }],
    ]);
  },
);
