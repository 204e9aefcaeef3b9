import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSchema } from "#registry-server/metadata/schema.ts";
import { SqliteDatabase } from "#store/sql/sqlite-database.ts";
import { BearerTokens } from "./bearer-tokens.ts";
import { SigningKeys } from "./signing-keys.ts";

const DAY_MS = 24 * 3_600_000;
const BEGIN_MS = Date.UTC(2026, 0, 1);

/** Two servers on one database, each with a clock of its own. */
class TwoServers implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "wharf-tokens-"));
  readonly database: SqliteDatabase = SqliteDatabase.open(join(this.#folder, "registry.db"));
  readonly clocks = { first: BEGIN_MS, second: BEGIN_MS };
  readonly first: BearerTokens = this.#server("first");
  readonly second: BearerTokens = this.#server("second");

  static async open(): Promise<TwoServers> {
    const servers = new TwoServers();
    await openSchema(servers.database);
    return servers;
  }

  #server(name: "first" | "second"): BearerTokens {
    const nowMs = (): number => this.clocks[name];
    const keys = new SigningKeys({ database: this.database, nowMs, rotationMs: 30 * DAY_MS });
    return new BearerTokens(keys, nowMs);
  }

  async issue(): Promise<string> {
    const expiresMs = this.clocks.first + 300_000;
    return await this.first.issue({ subject: "alice", scopes: [], expiresMs });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

test("a token is good on a server whose clock is up to a minute behind, and not on one farther behind", async () => {
  await using servers = await TwoServers.open();
  servers.clocks.second -= 55_000;
  expect(await servers.second.verify(await servers.issue())).toMatchObject({ subject: "alice" });
  servers.clocks.second -= 10_000;
  expect(await servers.second.verify(await servers.issue())).toBeUndefined();
});

test("a token ends by the clock of the server that reads it", async () => {
  await using servers = await TwoServers.open();
  const token = await servers.issue();
  servers.clocks.second += 299_000;
  expect(await servers.second.verify(token)).toMatchObject({ subject: "alice" });
  servers.clocks.second += 2000;
  expect(await servers.second.verify(token)).toBeUndefined();
});

test("keys change, and a token of the key before is good to its end; of the one before that it is not", async () => {
  await using servers = await TwoServers.open();
  const { first, clocks } = servers;
  const issueFor = (days: number): Promise<string> =>
    first.issue({ subject: "a", scopes: [], expiresMs: clocks.first + days * DAY_MS });
  const idOf = (token: string): unknown =>
    (JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string })
      .kid;
  const old = await issueFor(365);
  clocks.first += 31 * DAY_MS;
  clocks.second = clocks.first;
  const young = await issueFor(365);
  expect(idOf(young)).not.toBe(idOf(old));
  expect(await servers.second.verify(old)).toMatchObject({ subject: "a" });
  clocks.first += 31 * DAY_MS;
  clocks.second = clocks.first;
  await issueFor(1);
  await using later = await TwoServers.open(); // knows none of them
  expect(await later.first.verify(young)).toBeUndefined();
  const fresh = new SigningKeys({
    database: servers.database,
    nowMs: () => clocks.first,
    rotationMs: 30 * DAY_MS,
  });
  const reader = new BearerTokens(fresh, () => clocks.first);
  expect(await reader.verify(young)).toMatchObject({ subject: "a" });
  expect(await reader.verify(old)).toBeUndefined();
});

test("a token that was changed, signed by another, or says another algorithm, is none", async () => {
  await using servers = await TwoServers.open();
  const [head = "", body = "", signature = ""] = (await servers.issue()).split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as object;
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  const forged = [
    `${head}.${encode({ ...claims, sub: "admin" })}.${signature}`,
    `${encode({ typ: "JWT", alg: "none" })}.${body}.`,
    `${encode({ typ: "JWT", alg: "HS256" })}.${body}.${signature}`,
    `${head}.${body}.${signature.slice(0, -4)}AAAA`,
    `${head}.${body}`,
    "",
  ];
  for (const token of forged) expect(await servers.first.verify(token)).toBeUndefined();
});
