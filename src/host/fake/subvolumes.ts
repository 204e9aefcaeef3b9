import { UnsupportedError } from "#base/errors.ts";
import type { Subvolumes } from "#host/subvolumes.ts";

/** A host without btrfs. */
export class NoSubvolumes implements Subvolumes {
  create(path: string): never {
    throw new UnsupportedError(`Cannot make subvolume "${path}": it is not on btrfs`);
  }

  snapshot(source: string): never {
    throw new UnsupportedError(`Cannot copy subvolume "${source}": it is not on btrfs`);
  }

  remove(path: string): never {
    throw new UnsupportedError(`Cannot delete subvolume "${path}": it is not on btrfs`);
  }

  limit(path: string): never {
    throw new UnsupportedError(`Cannot limit subvolume "${path}": it is not on btrfs`);
  }
}
