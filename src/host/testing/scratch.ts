import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "#host/host.ts";

/** A folder of a test's own; whatever was mounted in it goes with it. */
export interface Scratch extends Disposable {
  readonly path: string;
  /** Makes folder `name` in it, with its parents. */
  folder(name: string): string;
}

export function openScratch(host: Pick<Host, "mounts">): Scratch {
  const path = mkdtempSync(join(tmpdir(), "wharf-test-"));
  return {
    path,
    folder: (name) => {
      const folder = join(path, name);
      mkdirSync(folder, { recursive: true });
      return folder;
    },
    [Symbol.dispose]: () => {
      for (const { target } of host.mounts.list(path).toReversed()) {
        host.mounts.unmount(target, { lazy: true });
      }
      rmSync(path, { recursive: true });
    },
  };
}
