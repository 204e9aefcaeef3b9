import type { BlobStorage } from "#registry-server/storage/storage.ts";
import type { SqlDatabase } from "#store/sql/database.ts";
import type { DigestLanes } from "./digest-lanes.ts";

/** What the parts that hold content stand on. */
export interface ContentDependencies {
  readonly database: SqlDatabase;
  readonly storage: BlobStorage;
  readonly lanes: DigestLanes;
  readonly nowMs: () => number;
  /** A new name for an upload: unique, and not to be guessed. */
  readonly newId: () => string;
}
