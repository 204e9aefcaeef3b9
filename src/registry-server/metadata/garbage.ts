import type { BlobPlace } from "#registry-server/storage/storage.ts";
import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlSession } from "#store/sql/database.ts";
import { digestOfColumn, numberOf, textOf } from "./columns.ts";
import type { StoredBlob } from "./blobs.ts";

/** Rows of one step, so that a writer who waits does not wait long. */
const STEP = 500;

/**
 * Manifests of a repository that no tag and no index names, and that are no referrers of one that is there, pushed
 * before `beforeMs`.
 */
export async function listUntagged(
  session: SqlSession,
  repository: RepositoryName,
  beforeMs: number,
): Promise<readonly Digest[]> {
  const rows = await session.all(
    `SELECT m.digest FROM manifests m WHERE m.repository = $1 AND m.pushed_ms < $2
     AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
     AND NOT EXISTS (SELECT 1 FROM manifest_references r
       WHERE r.repository = m.repository AND r.digest = m.digest AND r.is_manifest = 1)
     AND NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject)
     LIMIT ${STEP}`,
    repository,
    beforeMs,
  );
  return rows.map((row) => digestOfColumn(row, "digest"));
}

/** Takes from repositories the blobs that none of their manifests names. @returns How many links went. */
export async function removeUnusedLinks(session: SqlSession, beforeMs: number): Promise<number> {
  return await session.run(
    `DELETE FROM blob_links WHERE seen_ms < $1 AND NOT EXISTS (
       SELECT 1 FROM manifest_references r WHERE r.repository = blob_links.repository
       AND r.digest = blob_links.digest)`,
    beforeMs,
  );
}

/** Blobs that no repository has a link to. */
export async function listUnlinkedBlobs(
  session: SqlSession,
  beforeMs: number,
): Promise<readonly StoredBlob[]> {
  const rows = await session.all(
    `SELECT * FROM blobs b WHERE b.touched_ms < $1
     AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest) LIMIT ${STEP}`,
    beforeMs,
  );
  return rows.map((row) => ({
    digest: digestOfColumn(row, "digest"),
    sizeBytes: numberOf(row, "size_bytes"),
    place: textOf(row, "place"),
  }));
}

/** @returns Whether it is gone: a client may have come to count on it since it was listed. */
export async function removeUnlinkedBlob(
  session: SqlSession,
  digest: Digest,
  beforeMs: number,
): Promise<boolean> {
  const changed = await session.run(
    `DELETE FROM blobs WHERE digest = $1 AND touched_ms < $2
     AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = blobs.digest)`,
    digest,
    beforeMs,
  );
  return changed > 0;
}

/** Bytes of manifests that no repository has. @returns How many went. */
export async function removeUnusedManifestBytes(
  session: SqlSession,
  beforeMs: number,
): Promise<number> {
  return await session.run(
    `DELETE FROM manifest_bytes WHERE touched_ms < $1
     AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.digest = manifest_bytes.digest)`,
    beforeMs,
  );
}

/** Whether a blob lies at a place that begins so. */
export async function hasBlobAt(session: SqlSession, prefix: BlobPlace): Promise<boolean> {
  const rows = await session.all(
    "SELECT digest FROM blobs WHERE place >= $1 AND place < $2 LIMIT 1",
    prefix,
    `${prefix}\u{10ffff}`,
  );
  return rows.length > 0;
}

export async function hasUpload(session: SqlSession, id: string): Promise<boolean> {
  return (await session.all("SELECT id FROM uploads WHERE id = $1", id)).length > 0;
}
