import type { BlobPlace } from "#registry-server/storage/storage.ts";
import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { digestOfColumn, numberOf, textOf } from "./columns.ts";

export interface StoredBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly place: BlobPlace;
}

export interface LinkedBlob extends StoredBlob {
  /** When a client last counted on the repository's having it. */
  readonly seenMs: number;
}

function readBlob(row: SqlRow): StoredBlob {
  return {
    digest: digestOfColumn(row, "digest"),
    sizeBytes: numberOf(row, "size_bytes"),
    place: textOf(row, "place"),
  };
}

/** A blob that the repository may serve. */
export async function findLinkedBlob(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<LinkedBlob | undefined> {
  const [row] = await session.all(
    `SELECT b.*, l.seen_ms FROM blobs b JOIN blob_links l ON l.digest = b.digest
     WHERE l.repository = $1 AND l.digest = $2`,
    repository,
    digest,
  );
  return row && { ...readBlob(row), seenMs: numberOf(row, "seen_ms") };
}

export async function findBlob(
  session: SqlSession,
  digest: Digest,
): Promise<StoredBlob | undefined> {
  const [row] = await session.all("SELECT * FROM blobs WHERE digest = $1", digest);
  return row && readBlob(row);
}

/** @returns Whether it was new; else the blob is there already, at another place perhaps, and keeps it. */
export async function insertBlob(
  session: SqlSession,
  blob: StoredBlob,
  nowMs: number,
): Promise<boolean> {
  if (await touchBlob(session, blob.digest, nowMs)) return false;
  const changed = await session.run(
    `INSERT INTO blobs (digest, size_bytes, place, touched_ms) VALUES ($1, $2, $3, $4)
     ON CONFLICT (digest) DO NOTHING`,
    blob.digest,
    blob.sizeBytes,
    blob.place,
    nowMs,
  );
  return changed > 0 || !(await touchBlob(session, blob.digest, nowMs));
}

/** Keeps the blob from being collected for a while. @returns Whether it is there. */
export async function touchBlob(
  session: SqlSession,
  digest: Digest,
  nowMs: number,
): Promise<boolean> {
  const changed = await session.run(
    "UPDATE blobs SET touched_ms = $1 WHERE digest = $2",
    nowMs,
    digest,
  );
  return changed > 0;
}

/** Lets the repository serve the blob, or notes that a client counts on it again. */
export async function linkBlob(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
  nowMs: number,
): Promise<void> {
  await session.run(
    `INSERT INTO blob_links (repository, digest, seen_ms) VALUES ($1, $2, $3)
     ON CONFLICT (repository, digest) DO UPDATE SET seen_ms = excluded.seen_ms`,
    repository,
    digest,
    nowMs,
  );
}

/** Blobs behind `after`, by digest, at most `count`. */
export async function listBlobs(
  session: SqlSession,
  after: string,
  count: number,
): Promise<readonly StoredBlob[]> {
  const rows = await session.all(
    "SELECT * FROM blobs WHERE digest > $1 ORDER BY digest LIMIT $2",
    after,
    count,
  );
  return rows.map(readBlob);
}

/** Forgets a blob whose bytes are not what they should be. @returns Whether it was at that place. */
export async function removeBlob(
  session: SqlSession,
  digest: Digest,
  place: BlobPlace,
): Promise<boolean> {
  const text = "DELETE FROM blobs WHERE digest = $1 AND place = $2";
  return (await session.run(text, digest, place)) > 0;
}

/** Keeps the link from being collected for a while. @returns Whether it is there, and its blob too. */
export async function touchLink(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
  nowMs: number,
): Promise<boolean> {
  const changed = await session.run(
    `UPDATE blob_links SET seen_ms = $1 WHERE repository = $2 AND digest = $3
     AND EXISTS (SELECT 1 FROM blobs b WHERE b.digest = blob_links.digest)`,
    nowMs,
    repository,
    digest,
  );
  return changed > 0;
}

/** @returns Whether there was a link. */
export async function unlinkBlob(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  const changed = await session.run(
    "DELETE FROM blob_links WHERE repository = $1 AND digest = $2",
    repository,
    digest,
  );
  return changed > 0;
}

/** Repositories that serve the blob, at most `count`. */
export async function repositoriesWithBlob(
  session: SqlSession,
  digest: Digest,
  count: number,
): Promise<readonly RepositoryName[]> {
  const rows = await session.all(
    "SELECT repository FROM blob_links WHERE digest = $1 ORDER BY repository LIMIT $2",
    digest,
    count,
  );
  return rows.map((row) => textOf(row, "repository") as RepositoryName);
}
