import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { ResourceScope } from "#spec/distribution/scopes.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

/** Personal tokens stand for their user, robots for themselves, refresh tokens are what `docker login` keeps. */
export type TokenKind = "personal" | "robot" | "refresh";

export interface Token {
  readonly id: string;
  readonly kind: TokenKind;
  /** A user, or the organisation of a robot. */
  readonly owner: string;
  readonly name: string;
  /** SHA-256 of the secret, which is random and needs no slow hash. */
  readonly secretHash: string;
  /** What it may do at most; names may end in `*`. Empty for all that its user may do; for a robot, nothing. */
  readonly scopes: readonly ResourceScope[];
  readonly createdMs: number;
  readonly expiresMs?: number;
  readonly usedMs?: number;
}

function readToken(row: SqlRow): Token {
  const scopes = JsonReader.of({ list: parseJson(textOf(row, "scopes")) });
  return {
    id: textOf(row, "id"),
    kind: textOf(row, "kind") as TokenKind, // written from this very type
    owner: textOf(row, "owner"),
    name: textOf(row, "name"),
    secretHash: textOf(row, "secret_hash"),
    scopes: (scopes.objects("list") ?? []).map((scope) => ({
      type: scope.string("type") ?? "",
      name: scope.string("name") ?? "",
      actions: scope.strings("actions") ?? [],
    })),
    createdMs: numberOf(row, "created_ms"),
    ...(row["expires_ms"] === null ? {} : { expiresMs: numberOf(row, "expires_ms") }),
    ...(row["used_ms"] === null ? {} : { usedMs: numberOf(row, "used_ms") }),
  };
}

export async function insertToken(session: SqlSession, token: Token): Promise<void> {
  await session.run(
    `INSERT INTO tokens (id, kind, owner, name, secret_hash, scopes, created_ms, expires_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
    token.id,
    token.kind,
    token.owner,
    token.name,
    token.secretHash,
    JSON.stringify(token.scopes),
    token.createdMs,
    token.expiresMs ?? null,
  );
}

export async function findToken(session: SqlSession, id: string): Promise<Token | undefined> {
  const [row] = await session.all("SELECT * FROM tokens WHERE id = $1", id);
  return row && readToken(row);
}

/** Tokens of a user, or robots of an organisation; refresh tokens are not shown. */
export async function listTokens(
  session: SqlSession,
  kind: "personal" | "robot",
  owner: string,
): Promise<readonly Token[]> {
  const rows = await session.all(
    "SELECT * FROM tokens WHERE kind = $1 AND owner = $2 ORDER BY name, id",
    kind,
    owner,
  );
  return rows.map(readToken);
}

export async function noteTokenUse(session: SqlSession, id: string, nowMs: number): Promise<void> {
  await session.run("UPDATE tokens SET used_ms = $1 WHERE id = $2", nowMs, id);
}

/** @returns Whether it was there. */
export async function removeToken(session: SqlSession, id: string): Promise<boolean> {
  return (await session.run("DELETE FROM tokens WHERE id = $1", id)) > 0;
}

export async function removeExpiredTokens(session: SqlSession, beforeMs: number): Promise<number> {
  return await session.run("DELETE FROM tokens WHERE expires_ms < $1", beforeMs);
}

/** Takes back what `docker login` got for a user. */
export async function removeRefreshTokens(session: SqlSession, user: string): Promise<void> {
  await session.run("DELETE FROM tokens WHERE owner = $1 AND kind = 'refresh'", user);
}
