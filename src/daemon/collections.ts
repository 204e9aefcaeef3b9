import { BUILD_ENTRIES, BUILD_LAYERS, BUILD_MOUNTS } from "#builder/cache/records.ts";
import { EXECS } from "#containers/exec/execs.ts";
import { HEALTHS } from "#containers/health/book.ts";
import { CONTAINERS } from "#containers/stored-container.ts";
import { IMAGES } from "#images/records.ts";
import { DEVICE_INTENTS, NETWORKS, SANDBOXES } from "#networks/records.ts";
import { SNAPSHOT_DRIVERS } from "#snapshots/choose-driver.ts";
import { snapshotCollection } from "#snapshots/records.ts";
import type { SqliteStore } from "#store/sqlite/store.ts";
import { VOLUME_USERS, VOLUMES } from "#volumes/records.ts";

/**
 * Opens all that the engine keeps, before it does anything else: records of an older Wharf are migrated in one
 * commit, and a newer one's database is refused while nothing was changed. How to change a record:
 * docs/recipes/change-a-record.md.
 *
 * @throws {FailedPreconditionError} A newer Wharf wrote it.
 */
export function openCollections(store: SqliteStore): void {
  store.openTogether(() => {
    store.collection(CONTAINERS);
    store.collection(EXECS);
    store.collection(HEALTHS);
    store.collection(IMAGES);
    store.collection(VOLUMES);
    store.collection(VOLUME_USERS);
    store.collection(NETWORKS);
    store.collection(SANDBOXES);
    store.collection(DEVICE_INTENTS);
    store.collection(BUILD_ENTRIES);
    store.collection(BUILD_LAYERS);
    store.collection(BUILD_MOUNTS);
    for (const driver of SNAPSHOT_DRIVERS) store.collection(snapshotCollection(driver));
  });
}
