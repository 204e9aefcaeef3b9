import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { Host } from "#host/host.ts";

const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 20;

/**
 * Takes a folder for this daemon alone. A child that a killed daemon had forked and that has not yet become its program holds the lock of its
 * parent for a moment longer: waited for.
 *
 * @throws {ConflictError} Another daemon has the folder.
 */
export async function lockFolder(host: Host, folder: string, flag: string): Promise<Disposable> {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const giveUpMs = host.clock.monotonicMs() + LOCK_WAIT_MS;
  for (;;) {
    const lock = host.files.lock(join(folder, "lock"));
    if (lock) return lock;
    if (host.clock.monotonicMs() > giveUpMs) {
      throw new ConflictError(
        `Cannot start the engine: another one uses ${folder}; stop it or choose another ${flag}`,
      );
    }
    await host.clock.delay(LOCK_RETRY_MS);
  }
}
