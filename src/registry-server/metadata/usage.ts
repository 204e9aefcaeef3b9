import type { Digest } from "#spec/digest.ts";
import type { SqlSession } from "#store/sql/database.ts";
import { numberOf } from "./columns.ts";

/** Bytes of the blobs that an organisation's or user's repositories link to, each blob counted once. */
export async function usedBytes(session: SqlSession, namespace: string): Promise<number> {
  const [row] = await session.all(
    `SELECT COALESCE(SUM(b.size_bytes), 0) AS used FROM blobs b WHERE b.digest IN (
       SELECT l.digest FROM blob_links l WHERE l.repository > $1 AND l.repository < $2)`,
    `${namespace}/`,
    `${namespace}0`, // "0" is the byte behind "/"
  );
  return row ? numberOf(row, "used") : 0;
}

export interface Statistics {
  readonly repositories: number;
  readonly manifests: number;
  readonly tags: number;
  readonly blobs: number;
  /** Each blob counted once. */
  readonly blobBytes: number;
  /** Each blob counted once a repository: what there would be without sharing. */
  readonly linkedBytes: number;
  readonly uploads: number;
  readonly pulls: number;
}

export async function readStatistics(session: SqlSession): Promise<Statistics> {
  const [row = {}] = await session.all(`SELECT
    (SELECT COUNT(*) FROM repositories) AS repositories,
    (SELECT COUNT(*) FROM manifests) AS manifests,
    (SELECT COUNT(*) FROM tags) AS tags,
    (SELECT COUNT(*) FROM blobs) AS blobs,
    (SELECT COALESCE(SUM(size_bytes), 0) FROM blobs) AS blob_bytes,
    (SELECT COALESCE(SUM(b.size_bytes), 0) FROM blob_links l JOIN blobs b ON b.digest = l.digest) AS linked_bytes,
    (SELECT COUNT(*) FROM uploads) AS uploads,
    (SELECT COALESCE(SUM(pull_count), 0) FROM repositories) AS pulls`);
  return {
    repositories: numberOf(row, "repositories"),
    manifests: numberOf(row, "manifests"),
    tags: numberOf(row, "tags"),
    blobs: numberOf(row, "blobs"),
    blobBytes: numberOf(row, "blob_bytes"),
    linkedBytes: numberOf(row, "linked_bytes"),
    uploads: numberOf(row, "uploads"),
    pulls: numberOf(row, "pulls"),
  };
}

/** Whether a repository of the namespace has the blob: it is counted already. */
export async function namespaceHasBlob(
  session: SqlSession,
  namespace: string,
  digest: Digest,
): Promise<boolean> {
  const rows = await session.all(
    "SELECT digest FROM blob_links WHERE digest = $1 AND repository > $2 AND repository < $3 LIMIT 1",
    digest,
    `${namespace}/`,
    `${namespace}0`,
  );
  return rows.length > 0;
}
