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
}

function readRepository(row: SqlRow): Repository {
  return {
    name: textOf(row, "name") as RepositoryName, // written from this very type
    isPublic: flagOf(row, "is_public"),
    description: textOf(row, "description"),
    createdMs: numberOf(row, "created_ms"),
    pullCount: numberOf(row, "pull_count"),
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
export async function ensureRepository(
  session: SqlSession,
  name: RepositoryName,
  options: { readonly isPublic: boolean; readonly nowMs: number },
): Promise<boolean> {
  const changed = await session.run(
    `INSERT INTO repositories (name, is_public, description, created_ms, pull_count)
     VALUES ($1, $2, '', $3, 0) ON CONFLICT (name) DO NOTHING`,
    name,
    options.isPublic ? 1 : 0,
    options.nowMs,
  );
  return changed > 0;
}

/** Repositories behind `after` in byte order; all of them when `count` is absent. */
export async function listRepositories(
  session: SqlSession,
  after: string,
  count: number,
): Promise<readonly Repository[]> {
  const rows = await session.all(
    "SELECT * FROM repositories WHERE name > $1 ORDER BY name LIMIT $2",
    after,
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
