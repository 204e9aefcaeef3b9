import { parseJson } from "#base/json.ts";
import type { SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

/** Who did what, from where. */
export interface AuditEntry {
  /** Sorts by time. */
  readonly id: string;
  readonly atMs: number;
  readonly actor: string;
  readonly address: string;
  /** `manifest.push`, `user.create`. */
  readonly action: string;
  readonly object: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export async function insertAudit(session: SqlSession, entry: AuditEntry): Promise<void> {
  await session.run(
    `INSERT INTO audit (id, at_ms, actor, address, action, object, detail)
     VALUES ($1, $2, $3, $4, $5, $6, $7)`,
    entry.id,
    entry.atMs,
    entry.actor,
    entry.address,
    entry.action,
    entry.object,
    JSON.stringify(entry.detail),
  );
}

/** Newest first. @param before Id that the page comes behind; empty for the newest. */
export async function listAudit(
  session: SqlSession,
  before: string,
  count: number,
): Promise<readonly AuditEntry[]> {
  const rows = await session.all(
    "SELECT * FROM audit WHERE ($1 = '' OR id < $1) ORDER BY id DESC LIMIT $2",
    before,
    count,
  );
  return rows.map((row) => ({
    id: textOf(row, "id"),
    atMs: numberOf(row, "at_ms"),
    actor: textOf(row, "actor"),
    address: textOf(row, "address"),
    action: textOf(row, "action"),
    object: textOf(row, "object"),
    detail: parseJson(textOf(row, "detail")) as Readonly<Record<string, unknown>>, // ours
  }));
}

export async function removeAuditBefore(session: SqlSession, beforeMs: number): Promise<number> {
  return await session.run("DELETE FROM audit WHERE at_ms < $1", beforeMs);
}
