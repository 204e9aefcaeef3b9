import type { SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

export interface StoredKey {
  readonly id: string;
  /** JWK of the private key, as JSON. */
  readonly privateKey: string;
  readonly createdMs: number;
}

/** Newest first. */
export async function listSigningKeys(session: SqlSession): Promise<readonly StoredKey[]> {
  const rows = await session.all("SELECT * FROM signing_keys ORDER BY created_ms DESC, id");
  return rows.map((row) => ({
    id: textOf(row, "id"),
    privateKey: textOf(row, "private_key"),
    createdMs: numberOf(row, "created_ms"),
  }));
}

export async function insertSigningKey(session: SqlSession, key: StoredKey): Promise<void> {
  await session.run(
    "INSERT INTO signing_keys (id, private_key, created_ms) VALUES ($1, $2, $3)",
    key.id,
    key.privateKey,
    key.createdMs,
  );
}

export async function removeSigningKeysBefore(
  session: SqlSession,
  beforeMs: number,
): Promise<void> {
  await session.run("DELETE FROM signing_keys WHERE created_ms < $1", beforeMs);
}
