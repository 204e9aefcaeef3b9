import { mkdirSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ConflictError, InvalidArgumentError, messageOf, WharfError } from "#base/errors.ts";
import type { RegistryServeOptions } from "#cli/registry/serve-options.ts";
import { Logger } from "#daemon/logger.ts";
import { selfCommand } from "#daemon/self-command.ts";
import { ensureSmallHeap } from "#daemon/small-heap.ts";
import { watchEndSignals } from "#daemon/service/signals.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { lockFile } from "#host/linux/file-lock.ts";
import type { RegistryConfig } from "#registry-server/config.ts";
import { openRegistry } from "#registry-server/registry.ts";
import { FilesystemStorage } from "#registry-server/storage/filesystem/filesystem-storage.ts";
import { SqliteDatabase } from "#store/sql/sqlite-database.ts";

const HOUR_MS = 3_600_000;
const STDOUT = 1;
const STDERR = 2;
/** distribution-spec asks for 4 MiB at least. */
const MANIFEST_MAX_BYTES = 4 * 1024 * 1024;

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
    mkdirSync(options.root, { recursive: true, mode: 0o700 });
    using _lock = lockRoot(options.root);
    await using database = SqliteDatabase.open(join(options.root, "registry.db"));
    await using registry = await openRegistry({
      config,
      database,
      storage: new FilesystemStorage(options.root),
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
    const signal = await ended.promise;
    logger.info("Processing signal", { signal });
  } catch (error) {
    writeSync(STDERR, `Cannot serve the registry: ${messageOf(error)}\n`);
    if (!(error instanceof WharfError) && error instanceof Error) logger.debug(String(error.stack));
    return 1;
  }
  return 0;
}

function lockRoot(root: string): Disposable {
  const lock = lockFile(openLibc(), join(root, "lock"));
  if (lock) return lock;
  throw new ConflictError(`another registry uses ${root}; stop it or choose another --root`);
}

function readConfig(options: RegistryServeOptions): RegistryConfig {
  const { tlsCert, tlsKey } = options;
  if ((tlsCert === "") !== (tlsKey === "")) {
    throw new InvalidArgumentError("--tls-cert and --tls-key go together");
  }
  return {
    listen: parseListen(options.listen),
    ...(tlsCert === ""
      ? {}
      : { tls: { cert: readFileSync(tlsCert, "utf8"), key: readFileSync(tlsKey, "utf8") } }),
    ...(options.url === "" ? {} : { publicUrl: options.url.replace(/\/+$/, "") }),
    auth: options.auth,
    idleTimeoutSeconds: 120,
    closeGraceMs: 10_000,
    manifestMaxBytes: MANIFEST_MAX_BYTES,
    allowSparseIndexes: false,
    collector: { graceMs: HOUR_MS, uploadExpiryMs: 24 * HOUR_MS, auditKeptMs: 365 * 24 * HOUR_MS },
    collectEveryMs: HOUR_MS,
  };
}

function parseListen(text: string): RegistryConfig["listen"] {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(found?.[3]);
  if (!found || port > 65_535) {
    throw new InvalidArgumentError(`--listen is "${text}", want ADDRESS:PORT or :PORT`);
  }
  return { hostname: found[1] ?? (found[2] || "::"), port };
}
