import type { UploadState } from "#registry-server/storage/storage.ts";
import type { RepositoryName } from "#spec/distribution/names.ts";
import type { SqlRow, SqlSession } from "#store/sql/database.ts";
import { numberOf, textOf } from "./columns.ts";

/** An upload under way; only what is recorded here was acknowledged. */
export interface Upload {
  readonly id: string;
  readonly repository: RepositoryName;
  readonly sizeBytes: number;
  readonly state: UploadState;
  readonly touchedMs: number;
}

function readUpload(row: SqlRow): Upload {
  return {
    id: textOf(row, "id"),
    repository: textOf(row, "repository") as RepositoryName,
    sizeBytes: numberOf(row, "size_bytes"),
    state: textOf(row, "state"),
    touchedMs: numberOf(row, "touched_ms"),
  };
}

export async function insertUpload(session: SqlSession, upload: Upload): Promise<void> {
  await session.run(
    `INSERT INTO uploads (id, repository, size_bytes, state, touched_ms) VALUES ($1, $2, $3, $4, $5)`,
    upload.id,
    upload.repository,
    upload.sizeBytes,
    upload.state,
    upload.touchedMs,
  );
}

export async function findUpload(
  session: SqlSession,
  repository: RepositoryName,
  id: string,
): Promise<Upload | undefined> {
  const [row] = await session.all(
    "SELECT * FROM uploads WHERE id = $1 AND repository = $2",
    id,
    repository,
  );
  return row && readUpload(row);
}

/** @returns False when another request changed the upload since `before` was read. */
export async function advanceUpload(
  session: SqlSession,
  before: Upload,
  after: Pick<Upload, "sizeBytes" | "state" | "touchedMs">,
): Promise<boolean> {
  const changed = await session.run(
    `UPDATE uploads SET size_bytes = $1, state = $2, touched_ms = $3
     WHERE id = $4 AND size_bytes = $5 AND state = $6`,
    after.sizeBytes,
    after.state,
    after.touchedMs,
    before.id,
    before.sizeBytes,
    before.state,
  );
  return changed > 0;
}

/** @returns Whether it was there: one request only gets to finish or cancel an upload. */
export async function removeUpload(session: SqlSession, id: string): Promise<boolean> {
  return (await session.run("DELETE FROM uploads WHERE id = $1", id)) > 0;
}

/** Uploads that nobody has touched since. */
export async function listIdleUploads(
  session: SqlSession,
  beforeMs: number,
): Promise<readonly Upload[]> {
  const rows = await session.all(
    "SELECT * FROM uploads WHERE touched_ms < $1 LIMIT 1000",
    beforeMs,
  );
  return rows.map(readUpload);
}
