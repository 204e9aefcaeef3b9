import { randomBytes } from "node:crypto";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxFiles } from "#host/linux/files.ts";
import { LinuxMounts } from "#host/linux/mounts/mounts.ts";
import { LinuxProcesses } from "#host/linux/processes/processes.ts";
import { JsThread } from "#host/linux/thread.ts";
import type { SnapshotterOptions } from "#snapshots/driver-options.ts";
import type { Store } from "#store/store.ts";

/** What a driver needs, on this machine; a tree that cannot be deleted fails the test. */
export function linuxSnapshotterOptions(root: string, store: Store): SnapshotterOptions {
  const libc = openLibc();
  const thread = new JsThread({ libc });
  const mounts = new LinuxMounts({ libc, thread });
  return {
    root,
    store,
    mounts,
    files: new LinuxFiles({ libc, mounts }),
    processes: new LinuxProcesses({ libc, thread, launcherPath: undefined }),
    clock: { nowMs: () => 1_700_000_000_000 },
    randomBytes: (count) => randomBytes(count),
    onTrashFailure: (path, error) => {
      throw new Error(`${path}: ${String(error)}`);
    },
  };
}
