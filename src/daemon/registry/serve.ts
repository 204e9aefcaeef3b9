import { mkdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ConflictError, messageOf, WharfError } from "#base/errors.ts";
import type { RegistryServeOptions } from "#cli/registry/serve-options.ts";
import { Logger } from "#daemon/logger.ts";
import { selfCommand } from "#daemon/self-command.ts";
import { ensureSmallHeap } from "#daemon/small-heap.ts";
import { watchEndSignals, watchReloadSignal } from "#daemon/service/signals.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { lockFile } from "#host/linux/file-lock.ts";
import { openRegistry, type Registry } from "#registry-server/registry.ts";
import { FilesystemStorage } from "#registry-server/storage/filesystem/filesystem-storage.ts";
import { S3Storage } from "#registry-server/storage/s3/s3-storage.ts";
import { PostgresDatabase } from "#store/sql/postgres-database.ts";
import { SqliteDatabase } from "#store/sql/sqlite-database.ts";
import { openRemotes } from "./open-remotes.ts";
import { readConfig, readS3, readTls } from "./read-config.ts";

const STDOUT = 1;
const STDERR = 2;

/**
 * Runs `wharf registry serve` until it is told to end.
 *
 * @returns Exit code: 0 after a clean end, 1 for anything that kept it from running.
 */
export async function serveRegistry(options: RegistryServeOptions): Promise<number> {
  const logger = new Logger({
    level: options.logLevel,
    format: "text",
    nowMs: () => Date.now(),
  });
  ensureSmallHeap(
    process.env,
    [...selfCommand(process.execPath, process.argv[1]), ...process.argv.slice(2)],
    [],
  );
  process.umask(0o077);
  const ended = Promise.withResolvers<string>();
  using _signals = watchEndSignals(ended.resolve, logger);
  try {
    const config = readConfig(options);
    const s3 = readS3(options);
    const isShared = options.database !== "" && s3 !== undefined;
    if (!isShared) mkdirSync(options.root, { recursive: true, mode: 0o700 });
    using _lock = isShared ? undefined : lockRoot(options.root);
    await using database =
      options.database === ""
        ? SqliteDatabase.open(join(options.root, "registry.db"))
        : await PostgresDatabase.open(options.database);
    using remotes = openRemotes(options);
    await using registry = await openRegistry({
      config,
      database,
      storage: s3 ? new S3Storage(s3) : new FilesystemStorage(options.root),
      remotes,
      log: logger,
      nowMs: () => Date.now(),
      newId: () => crypto.randomUUID(),
    });
    if (registry.firstPassword !== undefined) {
      writeSync(
        STDOUT,
        `User "admin" has password "${registry.firstPassword}": it is shown this once\n`,
      );
    }
    logger.info("Registry serves", { url: registry.url, root: options.root });
    using _reload = watchReloadSignal(() => reloadTls(options, registry, logger));
    const signal = await ended.promise;
    logger.info("Processing signal", { signal });
  } catch (error) {
    writeSync(STDERR, `Cannot serve the registry: ${messageOf(error)}\n`);
    if (!(error instanceof WharfError) && error instanceof Error) logger.debug(String(error.stack));
    return 1;
  }
  return 0;
}

function reloadTls(options: RegistryServeOptions, registry: Registry, logger: Logger): void {
  try {
    const tls = readTls(options);
    if (tls) registry.replaceTls(tls);
    logger.info("Certificate read again", { tls: tls !== undefined });
  } catch (error) {
    logger.error("Keeping the certificate that is in use", { error: messageOf(error) });
  }
}

function lockRoot(root: string): Disposable {
  const lock = lockFile(openLibc(), join(root, "lock"));
  if (lock) return lock;
  throw new ConflictError(`another registry uses ${root}; stop it or choose another --root`);
}
