import type { SqlDatabase } from "#store/sql/database.ts";
import type { Access } from "./access/access.ts";
import { OpenAccess } from "./access/open-access.ts";
import type { RegistryConfig } from "./config.ts";
import { Blobs } from "./content/blobs.ts";
import type { ContentDependencies } from "./content/dependencies.ts";
import { DigestLanes } from "./content/digest-lanes.ts";
import { Manifests } from "./content/manifests.ts";
import { Repositories } from "./content/repositories.ts";
import { Uploads } from "./content/uploads.ts";
import { HttpServer } from "./http/http-server.ts";
import type { RegistryLog } from "./log.ts";
import { openSchema } from "./metadata/schema.ts";
import type { BlobStorage } from "./storage/storage.ts";

/** What a registry is made of; closed by whoever opened it. */
export interface RegistryParts {
  readonly config: RegistryConfig;
  readonly database: SqlDatabase;
  readonly storage: BlobStorage;
  readonly log: RegistryLog;
  readonly nowMs: () => number;
  readonly newId: () => string;
}

/** A registry that serves. */
export interface Registry extends AsyncDisposable {
  readonly url: string;
}

export async function openRegistry(parts: RegistryParts): Promise<Registry> {
  const { config, database, storage, log, nowMs, newId } = parts;
  await using stack = new AsyncDisposableStack();
  await openSchema(database);
  const content: ContentDependencies = {
    database,
    storage,
    lanes: new DigestLanes(),
    nowMs,
    newId,
  };
  const access: Access = new OpenAccess();
  const repositories = stack.use(
    new Repositories({ database, access, nowMs, isPublicByDefault: true }),
  );
  const server = stack.use(
    new HttpServer({
      listen: config.listen,
      ...(config.tls ? { tls: config.tls } : {}),
      ...(config.publicUrl === undefined ? {} : { publicUrl: config.publicUrl }),
      idleTimeoutSeconds: config.idleTimeoutSeconds,
      closeGraceMs: config.closeGraceMs,
      log,
      v2: {
        access,
        blobs: new Blobs(content),
        uploads: new Uploads(content),
        manifests: new Manifests(content, { allowSparseIndexes: config.allowSparseIndexes }),
        repositories,
        storage,
        manifestMaxBytes: config.manifestMaxBytes,
      },
    }),
  );
  const open = stack.move();
  return { url: server.url, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
