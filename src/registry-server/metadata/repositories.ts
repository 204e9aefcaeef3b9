import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseRetention, type RetentionRule } from "#registry-server/upkeep/retention.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { Digest } from "#spec/digest.ts";
import type { SqlDatabase, SqlRow, SqlSession } from "#store/sql/database.ts";
import { flagOf, numberOf, textOf } from "./columns.ts";

export interface Repository {
  readonly name: RepositoryName;
  /** Everybody may pull. */
  readonly isPublic: boolean;
  readonly description: string;
  readonly createdMs: number;
  readonly pullCount: number;
  /** Patterns of tags that are set once and stay. */
  readonly immutableTags: readonly string[];
  readonly retention: readonly RetentionRule[];
}

function readRepository(row: SqlRow): Repository {
  const lists = JsonReader.of({
    tags: parseJson(textOf(row, "immutable_tags")),
    retention: parseJson(textOf(row, "retention")),
  });
  return {
    name: textOf(row, "name") as RepositoryName, // written from this very type
    isPublic: flagOf(row, "is_public"),
    description: textOf(row, "description"),
    createdMs: numberOf(row, "created_ms"),
    pullCount: numberOf(row, "pull_count"),
    immutableTags: lists.strings("tags") ?? [],
    retention: parseRetention(lists.objects("retention") ?? []),
  };
}

export async function findRepository(
  session: SqlSession,
  name: RepositoryName,
): Promise<Repository | undefined> {
  const [row] = await session.all("SELECT * FROM repositories WHERE name = $1", name);
  return row && readRepository(row);
}

/** @returns Whether it was not there before. */
export async function insertRepository(
  session: SqlSession,
  repository: Repository,
): Promise<boolean> {
  const changed = await session.run(
    `INSERT INTO repositories (name, is_public, description, created_ms, pull_count, immutable_tags, retention)
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING`,
    repository.name,
    repository.isPublic ? 1 : 0,
    repository.description,
    repository.createdMs,
    repository.pullCount,
    JSON.stringify(repository.immutableTags),
    JSON.stringify(repository.retention),
  );
  return changed > 0;
}

/** Writes the settings. */
export async function updateRepository(session: SqlSession, repository: Repository): Promise<void> {
  await session.run(
    `UPDATE repositories SET is_public = $1, description = $2, immutable_tags = $3, retention = $4
     WHERE name = $5`,
    repository.isPublic ? 1 : 0,
    repository.description,
    JSON.stringify(repository.immutableTags),
    JSON.stringify(repository.retention),
    repository.name,
  );
}

/** Removes it with all that is in it; bytes are collected later. @returns Whether it was there. */
export async function removeRepository(
  session: SqlSession,
  name: RepositoryName,
): Promise<boolean> {
  for (const table of ["tags", "manifest_references", "manifests", "blob_links", "grants"]) {
    await session.run(`DELETE FROM ${table} WHERE repository = $1`, name);
  }
  return (await session.run("DELETE FROM repositories WHERE name = $1", name)) > 0;
}

export interface RepositoryFilter {
  /** Name that they come behind, in byte order. */
  readonly after: string;
  readonly count: number;
  /** Part of name or description, whatever its case; empty for all. */
  readonly text: string;
}

export async function listRepositories(
  session: SqlSession,
  { after, count, text }: RepositoryFilter,
): Promise<readonly Repository[]> {
  const pattern = `%${text.toLowerCase().replaceAll(/[\\%_]/g, "\\$&")}%`;
  const rows = await session.all(
    `SELECT * FROM repositories WHERE name > $1 AND ($2 = '' OR LOWER(name) LIKE $3 ESCAPE '\\'
       OR LOWER(description) LIKE $3 ESCAPE '\\') ORDER BY name LIMIT $4`,
    after,
    text,
    pattern,
    count,
  );
  return rows.map(readRepository);
}

/** Adds pulls to the counts and times of repositories, manifests and tags. */
export async function notePulls(
  database: SqlDatabase,
  pulls: readonly {
    readonly repository: RepositoryName;
    readonly digest: Digest;
    readonly tag: string | undefined;
    readonly count: number;
    readonly atMs: number;
  }[],
): Promise<void> {
  await database.transaction(async (session) => {
    for (const { repository, digest, tag, count, atMs } of pulls) {
      await session.run(
        "UPDATE repositories SET pull_count = pull_count + $1 WHERE name = $2",
        count,
        repository,
      );
      await session.run(
        "UPDATE manifests SET pulled_ms = $1 WHERE repository = $2 AND digest = $3",
        atMs,
        repository,
        digest,
      );
      if (tag === undefined) continue;
      await session.run(
        "UPDATE tags SET pulled_ms = $1 WHERE repository = $2 AND name = $3",
        atMs,
        repository,
        tag,
      );
    }
  });
}
