import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

/** A rule that keeps repositories here and in another registry alike. */
export interface Replication {
  readonly id: string;
  /** `push`: what is pushed here goes there; `pull`: what is there comes here. */
  readonly direction: "push" | "pull";
  /** `registry.example.com:5000` */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
  /** Ours: a name, or for a push all below a prefix, as `acme/*`. */
  readonly repository: string;
  /** Theirs; of the same form. */
  readonly remoteRepository: string;
  /** Pattern of tags. */
  readonly tags: string;
  /** How often everything is compared. */
  readonly everyMs: number;
  readonly createdMs: number;
  /** 0 before the first run. */
  readonly ranMs: number;
  readonly outcome: string;
}

function readReplication(row: SqlRow): Replication {
  return {
    id: textOf(row, "id"),
    direction: textOf(row, "direction") === "push" ? "push" : "pull",
    registry: textOf(row, "registry"),
    username: textOf(row, "username"),
    password: textOf(row, "password"),
    repository: textOf(row, "repository"),
    remoteRepository: textOf(row, "remote_repository"),
    tags: textOf(row, "tags"),
    everyMs: numberOf(row, "every_ms"),
    createdMs: numberOf(row, "created_ms"),
    ranMs: numberOf(row, "ran_ms"),
    outcome: textOf(row, "outcome"),
  };
}

export async function listReplications(session: SqlSession): Promise<readonly Replication[]> {
  const rows = await session.all("SELECT * FROM replications ORDER BY created_ms, id");
  return rows.map(readReplication);
}

export async function insertReplication(session: SqlSession, rule: Replication): Promise<void> {
  await session.run(
    `INSERT INTO replications (id, direction, registry, username, password, repository,
       remote_repository, tags, every_ms, created_ms, ran_ms, outcome)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    rule.id,
    rule.direction,
    rule.registry,
    rule.username,
    rule.password,
    rule.repository,
    rule.remoteRepository,
    rule.tags,
    rule.everyMs,
    rule.createdMs,
    rule.ranMs,
    rule.outcome,
  );
}

/** Takes a run for this server. @returns False when another has begun it since. */
export async function beginRun(
  session: SqlSession,
  rule: Replication,
  nowMs: number,
): Promise<boolean> {
  const changed = await session.run(
    "UPDATE replications SET ran_ms = $1, outcome = 'running' WHERE id = $2 AND ran_ms = $3",
    nowMs,
    rule.id,
    rule.ranMs,
  );
  return changed > 0;
}

export async function noteOutcome(session: SqlSession, id: string, outcome: string): Promise<void> {
  await session.run("UPDATE replications SET outcome = $1 WHERE id = $2", outcome, id);
}

/** @returns Whether it was there. */
export async function removeReplication(session: SqlSession, id: string): Promise<boolean> {
  return (await session.run("DELETE FROM replications WHERE id = $1", id)) > 0;
}
