import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FailedPreconditionError, InternalError } from "#base/errors.ts";
import { CRASH_RECORDS, type CrashRecord } from "#store/testing/crash-records.ts";
import { storeContract } from "#store/testing/contract.ts";
import { SqliteStore } from "./store.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-store-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

storeContract("SqliteStore", () => SqliteStore.open(join(folder, "state.db")));

const NOTES = { name: "notes", version: 1 } as const;

function withStore<T>(work: (store: SqliteStore) => T): T {
  using store = SqliteStore.open(join(folder, "state.db"));
  return work(store);
}

describe("SqliteStore", () => {
  test("open() finds again what was written", () => {
    withStore((store) => store.collection<string>(NOTES).put("a", "1"));
    expect(withStore((store) => store.collection<string>(NOTES).entries())).toEqual([["a", "1"]]);
  });

  test("open() keeps the file and what SQLite puts beside it from other users", () => {
    const modes = (): string[] =>
      readdirSync(folder)
        .toSorted()
        .map((name) => `${name} ${(statSync(join(folder, name)).mode & 0o777).toString(8)}`);
    const expected = ["state.db 600", "state.db-shm 600", "state.db-wal 600"];
    withStore((store) => {
      store.collection<string>(NOTES).put("a", "secret");
      expect(modes()).toEqual(expected);
    });
    chmodSync(join(folder, "state.db"), 0o644);
    withStore((store) => {
      store.collection<string>(NOTES).put("a", "secret");
      expect(modes()).toEqual(expected);
    });
  });

  test("open() refuses a newer layout, another program's file and a damaged one, unchanged", () => {
    const path = join(folder, "state.db");
    withStore(() => {});
    {
      using database = new Database(path);
      database.run("CREATE TABLE t (x)");
      database.run("PRAGMA user_version = 99");
    }
    expect(() => SqliteStore.open(path)).toThrow(/newer Wharf wrote its layout 99/);
    const other = join(folder, "other.db");
    {
      using database = new Database(other);
      database.run("CREATE TABLE t (x)");
    }
    expect(() => SqliteStore.open(other)).toThrow(/another program's database/);
    const damaged = join(folder, "damaged.db");
    writeFileSync(damaged, "not a database, but long enough to be looked at".repeat(100));
    expect(() => SqliteStore.open(damaged)).toThrow(FailedPreconditionError);
    expect(() => SqliteStore.open(join(folder, "nowhere", "x.db"))).toThrow(
      FailedPreconditionError,
    );
  });

  test("collection() migrates older records once and indexes them", () => {
    withStore((store) => {
      const notes = store.collection<string>(NOTES);
      notes.put("a", "one two");
      notes.put("b", "three");
    });
    const seen: number[] = [];
    const definition = {
      name: "notes",
      version: 3,
      migrate: (value: unknown, from: number) => {
        seen.push(from);
        return { words: String(value).split(" ") };
      },
      indexes: { word: (note: { words: string[] }) => note.words },
    };
    const find = (store: SqliteStore): unknown =>
      store.collection(definition).findBy("word", "two");
    expect(withStore(find)).toEqual([["a", { words: ["one", "two"] }]]);
    expect(withStore(find)).toEqual([["a", { words: ["one", "two"] }]]);
    expect(seen).toEqual([1, 1]);
    expect(() => withStore((store) => store.collection(NOTES))).toThrow(
      /newer Wharf wrote version 3/,
    );
  });

  test("collection() without a migration for older records fails and leaves them", () => {
    withStore((store) => store.collection<string>(NOTES).put("a", "1"));
    const open = (): unknown =>
      withStore((store) => store.collection({ name: "notes", version: 2 }));
    expect(open).toThrow(InternalError);
    expect(withStore((store) => store.collection<string>(NOTES).get("a"))).toBe("1");
  });

  test("collection() indexes existing records when an index is new", () => {
    withStore((store) => store.collection<string>(NOTES).put("a", "1"));
    const definition = { ...NOTES, indexes: { self: (note: string) => [note] } };
    expect(withStore((store) => store.collection(definition).findBy("self", "1"))).toHaveLength(1);
  });

  test("what a call has acknowledged is there after kill -9, with its index", async () => {
    const path = join(folder, "state.db");
    let acknowledged = 0;
    for (let round = 0; round < 3; round += 1) {
      acknowledged = await writeUntilKilled(path, acknowledged + 20 + round * 7);
      withStore((store) => {
        const records = store.collection<CrashRecord>(CRASH_RECORDS);
        const found = records.entries().map(([, record]) => record);
        expect(found.length).toBeGreaterThanOrEqual(acknowledged);
        // Each transaction wrote a pair.
        expect(found.length % 2).toBe(0);
        expect(records.findBy("parity", "even")).toHaveLength(found.length / 2);
      });
    }
  });
});

/** @returns How many records the child had acknowledged when it was killed, at least `atLeast`. */
async function writeUntilKilled(path: string, atLeast: number): Promise<number> {
  const script = join(import.meta.dir, "../testing/crash-writer.ts");
  const child = Bun.spawn([process.execPath, script, path], { stdout: "pipe", stderr: "inherit" });
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk);
    if (lastNumber(output) >= atLeast) child.kill("SIGKILL");
  }
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  return lastNumber(output);
}

function lastNumber(output: string): number {
  return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
}
