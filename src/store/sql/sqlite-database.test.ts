import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteDatabase } from "./sqlite-database.ts";

class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "wharf-sql-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

async function open(folder: Folder): Promise<SqliteDatabase> {
  const database = SqliteDatabase.open(join(folder.path, "test.db"));
  await database.run("CREATE TABLE things (name TEXT PRIMARY KEY) STRICT");
  return database;
}

async function names(database: SqliteDatabase): Promise<readonly unknown[]> {
  return (await database.all("SELECT name FROM things ORDER BY name")).map((row) => row["name"]);
}

test("transactions that wait together are committed together, and one that fails alone is not", async () => {
  using folder = new Folder();
  await using database = await open(folder);
  const insert = (name: string): Promise<number> =>
    database.run("INSERT INTO things (name) VALUES ($1)", name);
  const outcomes = await Promise.allSettled([
    insert("a"),
    insert("b"),
    insert("a"),
    database.transaction(async (session) => {
      await session.run("INSERT INTO things (name) VALUES ($1)", "half");
      throw new Error("refused");
    }),
    insert("c"),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual([
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
    "fulfilled",
  ]);
  expect(await names(database)).toEqual(["a", "b", "c"]);
});

test("a call returns when others see what it did", async () => {
  using folder = new Folder();
  await using database = await open(folder);
  const seen = await Promise.all(
    Array.from({ length: 200 }, async (_, at) => {
      await database.run("INSERT INTO things (name) VALUES ($1)", String(at));
      return await database.all("SELECT name FROM things WHERE name = $1", String(at));
    }),
  );
  expect(seen.every((rows) => rows.length === 1)).toBe(true);
});

test("a transaction sees those before it, and readers see none of it until it is over", async () => {
  using folder = new Folder();
  await using database = await open(folder);
  const first = database.run("INSERT INTO things (name) VALUES ($1)", "a");
  const second = database.transaction(async (session) => {
    const inside = await session.all("SELECT name FROM things");
    return { inside: inside.length, outside: (await names(database)).length };
  });
  await first;
  expect(await second).toEqual({ inside: 1, outside: 0 });
});

test("writers outlast a batch that cannot begin", async () => {
  using folder = new Folder();
  await using database = await open(folder);
  const broken = database.transaction((session) => session.run("COMMIT"));
  const beside = database.run("INSERT INTO things (name) VALUES ($1)", "beside");
  expect((await Promise.allSettled([broken, beside])).map(({ status }) => status)).toContain(
    "rejected",
  );
  await database.run("INSERT INTO things (name) VALUES ($1)", "after");
  expect(await names(database)).toContain("after");
});
