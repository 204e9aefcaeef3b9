import { closeSync, constants, openSync } from "node:fs";
import { basename, dirname } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { Subvolumes } from "#host/subvolumes.ts";
import { errnos, systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";

/** linux/btrfs.h: `struct btrfs_ioctl_vol_args`, a descriptor of 8 bytes and a name. */
const VOLUME_ARGS_BYTES = 4096;
const NAME_OFFSET = 8;
const NAME_MAX_BYTES = 255;
const SNAP_CREATE = 0x50009401n;
const SUBVOL_CREATE = 0x5000940en;
const SNAP_DESTROY = 0x5000940fn;
const QUOTA_CTL = 0xc0109428n;
const QUOTA_ENABLE = 1n;
/** `struct btrfs_ioctl_qgroup_limit_args`: qgroup, flags, max_rfer, max_excl, rsv_rfer, rsv_excl. */
const QGROUP_LIMIT = 0x8030942bn;
const LIMIT_MAX_REFERENCED = 1n;

export class LinuxSubvolumes implements Subvolumes {
  readonly #libc: Libc;

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  create(path: string): void {
    this.#onName(`Cannot make subvolume "${path}"`, SUBVOL_CREATE, path, 0);
  }

  snapshot(source: string, path: string): void {
    this.#in(source, (descriptor) =>
      this.#onName(`Cannot copy subvolume "${source}"`, SNAP_CREATE, path, descriptor),
    );
  }

  remove(path: string): void {
    this.#onName(`Cannot delete subvolume "${path}"`, SNAP_DESTROY, path, 0);
  }

  limit(path: string, bytes: number): void {
    const attempt = `Cannot limit subvolume "${path}"`;
    this.#in(path, (descriptor) => {
      this.#call(attempt, descriptor, QUOTA_CTL, new BigUint64Array([QUOTA_ENABLE, 0n]));
      // qgroup 0 is the one of the subvolume that the descriptor is of
      const limits = new BigUint64Array([0n, LIMIT_MAX_REFERENCED, BigInt(bytes), 0n, 0n, 0n]);
      this.#call(attempt, descriptor, QGROUP_LIMIT, limits);
    });
  }

  #onName(attempt: string, request: bigint, path: string, descriptor: number): void {
    const name = Buffer.from(basename(path));
    if (name.length > NAME_MAX_BYTES) {
      throw new InvalidArgumentError(`${attempt}: its name has ${name.length} bytes`);
    }
    const args = Buffer.alloc(VOLUME_ARGS_BYTES);
    args.writeBigInt64LE(BigInt(descriptor), 0);
    name.copy(args, NAME_OFFSET);
    this.#in(dirname(path), (folder) => this.#call(attempt, folder, request, args));
  }

  #in(folder: string, work: (descriptor: number) => void): void {
    const descriptor = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      work(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  #call(attempt: string, descriptor: number, request: bigint, args: NodeJS.TypedArray): void {
    if (this.#libc.call.ioctl(descriptor, request, args) === 0) return;
    const errno = this.#libc.errno();
    if (errno === errnos.ENOTTY) throw new UnsupportedError(`${attempt}: it is not on btrfs`);
    throw systemError(attempt, errno);
  }
}
