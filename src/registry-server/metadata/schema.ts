import type { SqlDatabase, SqlSession } from "#store/sql/database.ts";
import { FailedPreconditionError } from "#base/errors.ts";

/**
 * Tables of the registry. Repositories are keyed by name, content by digest: what refers to what can be read in the
 * file. `{text}` compares byte by byte in both dialects; times are milliseconds since 1970.
 *
 * Collection of garbage runs beside pushes, on any number of servers, without a lock over all: who counts on a row
 * moves its `touched_ms` (`seen_ms`) in the same transaction, and the collector removes only rows that nothing refers
 * to and whose time is long past. PostgreSQL looks at the time again when it had to wait for the row.
 */
const VERSIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE repositories (
      name {text} PRIMARY KEY,
      is_public INTEGER NOT NULL,
      description TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      pull_count BIGINT NOT NULL,
      immutable_tags TEXT NOT NULL,
      retention TEXT NOT NULL
    )`,
    `CREATE TABLE blobs (
      digest {text} PRIMARY KEY,
      size_bytes BIGINT NOT NULL,
      place {text} NOT NULL,
      touched_ms BIGINT NOT NULL
    )`,
    `CREATE INDEX blobs_by_place ON blobs (place)`,
    // A repository may serve a blob that it has a link to. seen_ms moves when a client counts on the blob.
    `CREATE TABLE blob_links (
      repository {text} NOT NULL,
      digest {text} NOT NULL,
      seen_ms BIGINT NOT NULL,
      PRIMARY KEY (repository, digest)
    )`,
    `CREATE INDEX blob_links_by_digest ON blob_links (digest)`,
    `CREATE TABLE manifest_bytes (
      digest {text} PRIMARY KEY,
      bytes BYTEA NOT NULL,
      touched_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE manifests (
      repository {text} NOT NULL,
      digest {text} NOT NULL,
      media_type TEXT NOT NULL,
      artifact_type {text} NOT NULL,
      subject {text},
      annotations TEXT NOT NULL,
      size_bytes BIGINT NOT NULL,
      pushed_ms BIGINT NOT NULL,
      pulled_ms BIGINT NOT NULL,
      PRIMARY KEY (repository, digest)
    )`,
    `CREATE INDEX manifests_by_subject ON manifests (repository, subject)`,
    `CREATE INDEX manifests_by_digest ON manifests (digest)`,
    `CREATE TABLE manifest_references (
      repository {text} NOT NULL,
      manifest {text} NOT NULL,
      digest {text} NOT NULL,
      is_manifest INTEGER NOT NULL,
      PRIMARY KEY (repository, manifest, digest)
    )`,
    `CREATE INDEX manifest_references_by_digest ON manifest_references (repository, digest)`,
    `CREATE TABLE tags (
      repository {text} NOT NULL,
      name {text} NOT NULL,
      digest {text} NOT NULL,
      pushed_ms BIGINT NOT NULL,
      pulled_ms BIGINT NOT NULL,
      PRIMARY KEY (repository, name)
    )`,
    `CREATE INDEX tags_by_digest ON tags (repository, digest)`,
    `CREATE TABLE uploads (
      id {text} PRIMARY KEY,
      repository {text} NOT NULL,
      size_bytes BIGINT NOT NULL,
      state TEXT NOT NULL,
      touched_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE users (
      name {text} PRIMARY KEY,
      password_hash TEXT NOT NULL,
      is_admin INTEGER NOT NULL,
      is_disabled INTEGER NOT NULL,
      created_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE organisations (
      name {text} PRIMARY KEY,
      quota_bytes BIGINT,
      is_public_by_default INTEGER NOT NULL,
      created_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE members (
      organisation {text} NOT NULL,
      user_name {text} NOT NULL,
      is_owner INTEGER NOT NULL,
      PRIMARY KEY (organisation, user_name)
    )`,
    `CREATE TABLE teams (
      organisation {text} NOT NULL,
      name {text} NOT NULL,
      PRIMARY KEY (organisation, name)
    )`,
    `CREATE TABLE team_members (
      organisation {text} NOT NULL,
      team {text} NOT NULL,
      user_name {text} NOT NULL,
      PRIMARY KEY (organisation, team, user_name)
    )`,
    // grantee: user:alice, team:acme/builders; repository: a name, or all below a prefix as acme/*
    `CREATE TABLE grants (
      repository {text} NOT NULL,
      grantee {text} NOT NULL,
      role TEXT NOT NULL,
      PRIMARY KEY (repository, grantee)
    )`,
    // kind: personal, robot, refresh; owner: a user, or the organisation of a robot
    `CREATE TABLE tokens (
      id {text} PRIMARY KEY,
      kind TEXT NOT NULL,
      owner {text} NOT NULL,
      name {text} NOT NULL,
      secret_hash TEXT NOT NULL,
      scopes TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT,
      used_ms BIGINT
    )`,
    `CREATE INDEX tokens_by_owner ON tokens (owner)`,
    `CREATE TABLE signing_keys (
      id {text} PRIMARY KEY,
      private_key TEXT NOT NULL,
      created_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE webhooks (
      id {text} PRIMARY KEY,
      repositories TEXT NOT NULL,
      url TEXT NOT NULL,
      format TEXT NOT NULL,
      actions TEXT NOT NULL,
      secret TEXT NOT NULL,
      created_ms BIGINT NOT NULL
    )`,
    `CREATE TABLE deliveries (
      id {text} PRIMARY KEY,
      webhook {text} NOT NULL,
      event TEXT NOT NULL,
      status TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      next_ms BIGINT NOT NULL,
      answer TEXT NOT NULL,
      created_ms BIGINT NOT NULL
    )`,
    `CREATE INDEX deliveries_by_status ON deliveries (status, next_ms)`,
    `CREATE INDEX deliveries_by_webhook ON deliveries (webhook, id)`,
    // direction: push, pull; what the other registry is told to be, and which repositories go there
    `CREATE TABLE replications (
      id {text} PRIMARY KEY,
      direction TEXT NOT NULL,
      registry TEXT NOT NULL,
      username TEXT NOT NULL,
      password TEXT NOT NULL,
      repository {text} NOT NULL,
      remote_repository TEXT NOT NULL,
      tags TEXT NOT NULL,
      every_ms BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      ran_ms BIGINT NOT NULL,
      outcome TEXT NOT NULL
    )`,
    `CREATE TABLE audit (
      id {text} PRIMARY KEY,
      at_ms BIGINT NOT NULL,
      actor TEXT NOT NULL,
      address TEXT NOT NULL,
      action TEXT NOT NULL,
      object TEXT NOT NULL,
      detail TEXT NOT NULL
    )`,
  ],
];

/**
 * Brings the tables to the shape of today, all steps in one commit.
 *
 * @throws {FailedPreconditionError} A newer Wharf wrote them.
 */
export async function openSchema(database: SqlDatabase): Promise<void> {
  const text = database.kind === "postgres" ? 'TEXT COLLATE "C"' : "TEXT";
  await database.transaction(async (session) => {
    // two servers may start at once
    if (database.kind === "postgres") await session.all("SELECT pg_advisory_xact_lock(1463374406)");
    await session.run("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)");
    const version = await readVersion(session);
    if (version > VERSIONS.length) {
      throw new FailedPreconditionError(
        `Cannot open the registry's tables: they have version ${version}, this Wharf knows ${VERSIONS.length}`,
      );
    }
    for (const statement of VERSIONS.slice(version).flat()) {
      await session.run(statement.replaceAll("{text}", text));
    }
    await session.run("DELETE FROM schema_version");
    await session.run("INSERT INTO schema_version (version) VALUES ($1)", VERSIONS.length);
  });
}

async function readVersion(session: SqlSession): Promise<number> {
  const [row] = await session.all("SELECT version FROM schema_version");
  return Number(row?.["version"] ?? 0);
}
