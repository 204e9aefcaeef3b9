import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { digestOfColumn, numberOf, textOf } from "./columns.ts";

export interface Tag {
  readonly name: string;
  readonly digest: Digest;
  readonly pushedMs: number;
  readonly pulledMs: number;
}

function readTag(row: SqlRow): Tag {
  return {
    name: textOf(row, "name"),
    digest: digestOfColumn(row, "digest"),
    pushedMs: numberOf(row, "pushed_ms"),
    pulledMs: numberOf(row, "pulled_ms"),
  };
}

export async function findTag(
  session: SqlSession,
  repository: RepositoryName,
  name: string,
): Promise<Tag | undefined> {
  const [row] = await session.all(
    "SELECT * FROM tags WHERE repository = $1 AND name = $2",
    repository,
    name,
  );
  return row && readTag(row);
}

export async function putTag(
  session: SqlSession,
  repository: RepositoryName,
  name: string,
  digest: Digest,
  nowMs: number,
): Promise<void> {
  await session.run(
    `INSERT INTO tags (repository, name, digest, pushed_ms, pulled_ms) VALUES ($1, $2, $3, $4, $4)
     ON CONFLICT (repository, name) DO UPDATE SET digest = excluded.digest, pushed_ms = excluded.pushed_ms`,
    repository,
    name,
    digest,
    nowMs,
  );
}

/** @returns Whether it was there. */
export async function removeTag(
  session: SqlSession,
  repository: RepositoryName,
  name: string,
): Promise<boolean> {
  const changed = await session.run(
    "DELETE FROM tags WHERE repository = $1 AND name = $2",
    repository,
    name,
  );
  return changed > 0;
}

/** Tags behind `after`, in byte order. */
export async function listTags(
  session: SqlSession,
  repository: RepositoryName,
  after: string,
  count: number,
): Promise<readonly Tag[]> {
  const rows = await session.all(
    "SELECT * FROM tags WHERE repository = $1 AND name > $2 ORDER BY name LIMIT $3",
    repository,
    after,
    count,
  );
  return rows.map(readTag);
}

export async function listTagsOf(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<readonly Tag[]> {
  const rows = await session.all(
    "SELECT * FROM tags WHERE repository = $1 AND digest = $2 ORDER BY name",
    repository,
    digest,
  );
  return rows.map(readTag);
}
