import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Digest } from "#spec/digest.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { bytesOf, digestOfColumn, numberOf, optionalTextOf, textOf } from "./columns.ts";

/** A manifest in a repository, without its bytes. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly artifactType: string;
  readonly subject?: Digest;
  readonly annotations: Readonly<Record<string, string>>;
  readonly sizeBytes: number;
  readonly pushedMs: number;
  /** Equal to `pushedMs` until the first pull. */
  readonly pulledMs: number;
}

function readManifest(row: SqlRow): StoredManifest {
  const subject = optionalTextOf(row, "subject");
  const annotations = JsonReader.of({ map: parseJson(textOf(row, "annotations")) });
  return {
    digest: digestOfColumn(row, "digest"),
    mediaType: textOf(row, "media_type"),
    artifactType: textOf(row, "artifact_type"),
    ...(subject === undefined ? {} : { subject: digestOfColumn(row, "subject") }),
    annotations: annotations.stringMap("map") ?? {},
    sizeBytes: numberOf(row, "size_bytes"),
    pushedMs: numberOf(row, "pushed_ms"),
    pulledMs: numberOf(row, "pulled_ms"),
  };
}

export async function findManifest(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<StoredManifest | undefined> {
  const [row] = await session.all(
    "SELECT * FROM manifests WHERE repository = $1 AND digest = $2",
    repository,
    digest,
  );
  return row && readManifest(row);
}

/** What an answer to `GET` needs, and no more. */
export interface ManifestHead {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
}

function readHead(row: SqlRow | undefined): ManifestHead | undefined {
  return (
    row && {
      digest: digestOfColumn(row, "digest"),
      mediaType: textOf(row, "media_type"),
      sizeBytes: numberOf(row, "size_bytes"),
    }
  );
}

export async function findManifestHead(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<ManifestHead | undefined> {
  const [row] = await session.all(
    "SELECT digest, media_type, size_bytes FROM manifests WHERE repository = $1 AND digest = $2",
    repository,
    digest,
  );
  return readHead(row);
}

export async function findTaggedHead(
  session: SqlSession,
  repository: RepositoryName,
  tag: string,
): Promise<ManifestHead | undefined> {
  const [row] = await session.all(
    `SELECT m.digest, m.media_type, m.size_bytes FROM tags t
     JOIN manifests m ON m.repository = t.repository AND m.digest = t.digest
     WHERE t.repository = $1 AND t.name = $2`,
    repository,
    tag,
  );
  return readHead(row);
}

export async function readManifestBytes(
  session: SqlSession,
  digest: Digest,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const [row] = await session.all("SELECT bytes FROM manifest_bytes WHERE digest = $1", digest);
  return row && bytesOf(row, "bytes");
}

export interface NewManifest {
  readonly manifest: StoredManifest;
  readonly bytes: Uint8Array;
  readonly blobs: readonly Digest[];
  readonly manifests: readonly Digest[];
}

/** Inserts it, or notes that it was pushed again. */
export async function putManifest(
  session: SqlSession,
  repository: RepositoryName,
  { manifest, bytes, blobs, manifests }: NewManifest,
): Promise<void> {
  await session.run(
    `INSERT INTO manifest_bytes (digest, bytes, touched_ms) VALUES ($1, $2, $3)
     ON CONFLICT (digest) DO UPDATE SET touched_ms = excluded.touched_ms`,
    manifest.digest,
    bytes,
    manifest.pushedMs,
  );
  await session.run(
    `INSERT INTO manifests (repository, digest, media_type, artifact_type, subject, annotations,
       size_bytes, pushed_ms, pulled_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
     ON CONFLICT (repository, digest) DO UPDATE SET pushed_ms = excluded.pushed_ms`,
    repository,
    manifest.digest,
    manifest.mediaType,
    manifest.artifactType,
    manifest.subject ?? null,
    JSON.stringify(manifest.annotations),
    manifest.sizeBytes,
    manifest.pushedMs,
  );
  const references = [
    ...blobs.map((digest) => ({ digest, isManifest: 0 })),
    ...manifests.map((digest) => ({ digest, isManifest: 1 })),
  ];
  for (const { digest, isManifest } of references) {
    await session.run(
      `INSERT INTO manifest_references (repository, manifest, digest, is_manifest)
       VALUES ($1, $2, $3, $4) ON CONFLICT (repository, manifest, digest) DO NOTHING`,
      repository,
      manifest.digest,
      digest,
      isManifest,
    );
  }
}

/** Removes it with its references and tags; its bytes are collected later. @returns Whether it was there. */
export async function removeManifest(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<boolean> {
  const changed = await session.run(
    "DELETE FROM manifests WHERE repository = $1 AND digest = $2",
    repository,
    digest,
  );
  await session.run("DELETE FROM tags WHERE repository = $1 AND digest = $2", repository, digest);
  await session.run(
    "DELETE FROM manifest_references WHERE repository = $1 AND manifest = $2",
    repository,
    digest,
  );
  return changed > 0;
}

/** A manifest of the repository that names the blob. */
export async function findReferrerOfBlob(
  session: SqlSession,
  repository: RepositoryName,
  digest: Digest,
): Promise<Digest | undefined> {
  const [row] = await session.all(
    `SELECT manifest FROM manifest_references
     WHERE repository = $1 AND digest = $2 AND is_manifest = 0 LIMIT 1`,
    repository,
    digest,
  );
  return row && digestOfColumn(row, "manifest");
}

export interface ReferrersPage {
  readonly subject: Digest;
  /** Empty for all. */
  readonly artifactType: string;
  /** Digest that the page comes behind; empty for the first. */
  readonly after: string;
  readonly count: number;
}

/** Manifests whose subject it is, by digest. */
export async function listReferrers(
  session: SqlSession,
  repository: RepositoryName,
  page: ReferrersPage,
): Promise<readonly StoredManifest[]> {
  const rows = await session.all(
    `SELECT * FROM manifests WHERE repository = $1 AND subject = $2 AND digest > $3
     AND ($4 = '' OR artifact_type = $4) ORDER BY digest LIMIT $5`,
    repository,
    page.subject,
    page.after,
    page.artifactType,
    page.count,
  );
  return rows.map(readManifest);
}
