import { dlopen } from "bun:ffi";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { mustRun, runCommand } from "./command.ts";
import { waitUntil } from "./wait-until.ts";

const EXT4_IOC_SHUTDOWN = 0x8004587dn;
const NO_LOG_FLUSH = 2;

/** A file system of a test's own, in a file: it may be filled, broken and made read-only. */
export class SmallDisk implements AsyncDisposable {
  readonly #folder: string;
  readonly #image: string;
  readonly place: string;

  readonly #isThin: boolean;

  private constructor(folder: string, isThin: boolean) {
    this.#isThin = isThin;
    this.#folder = folder;
    this.#image = join(folder, "image");
    this.place = join(folder, "mounted");
  }

  /**
   * @param make Command that makes it, without the name of the file.
   * @param options.thinBytes The file lies on a tmpfs of this many bytes, which is full before it.
   */
  static async open(
    sizeBytes: number,
    make: readonly string[],
    options: { readonly thinBytes?: number } = {},
  ): Promise<SmallDisk> {
    const disk = new SmallDisk(
      mkdtempSync("/var/tmp/wharf-e2e-disk-"),
      options.thinBytes !== undefined,
    );
    if (options.thinBytes !== undefined) {
      await mustRun([
        "mount",
        "-t",
        "tmpfs",
        "-o",
        `size=${options.thinBytes}`,
        "tmpfs",
        disk.#folder,
      ]);
    }
    writeFileSync(disk.#image, "");
    truncateSync(disk.#image, sizeBytes);
    mkdirSync(disk.place);
    await mustRun([...make, disk.#image]);
    await mustRun(["mount", "-o", "loop", disk.#image, disk.place]);
    return disk;
  }

  /** To the last byte. */
  fill(): void {
    fillWith(join(this.place, "filler"));
  }

  free(): void {
    rmSync(join(this.place, "filler"));
  }

  /** From now on the disk below a thin one has no more blocks to give. */
  fillBelow(): void {
    fillWith(join(this.#folder, "filler"));
  }

  freeBelow(): void {
    rmSync(join(this.#folder, "filler"));
  }

  /** What the kernel does to ext4 after an error of the disk: read-only until it is mounted anew. */
  async makeReadOnly(): Promise<void> {
    await mustRun(["mount", "-o", "remount,abort", this.place]);
  }

  /**
   * Cuts the file system off from its disk: from now on every call fails with EIO, and what was not synced
   * never gets there, as in a power cut.
   */
  cutOff(): void {
    const { symbols } = dlopen("libc.so.6", {
      ioctl: { args: ["i32", "u64", "ptr"], returns: "i32" },
    });
    const descriptor = openSync(this.place, "r");
    try {
      const result = symbols.ioctl(descriptor, EXT4_IOC_SHUTDOWN, new Uint32Array([NO_LOG_FLUSH]));
      if (result !== 0) throw new Error("The file system cannot be shut down");
    } finally {
      closeSync(descriptor);
    }
  }

  /** Unmounts, with all that is mounted below, and mounts again, as a reboot does. */
  async mountAnew(): Promise<void> {
    await unmounted(this.place);
    await mustRun(["mount", "-o", "loop", this.#image, this.place]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await unmounted(this.place);
    if (this.#isThin) await unmounted(this.#folder);
    rmSync(this.#folder, { recursive: true });
  }
}

/** What used it may not have closed its last file yet. */
async function unmounted(path: string): Promise<void> {
  await waitUntil(
    `nothing uses ${path}`,
    async () => (await runCommand(["umount", "-R", path])).exitCode === 0,
  );
}

function fillWith(path: string): void {
  const descriptor = openSync(path, "a");
  for (const size of [1 << 20, 4096, 1]) {
    const bytes = Buffer.alloc(size, 1);
    try {
      for (;;) writeSync(descriptor, bytes);
    } catch (error) {
      if (!/ENOSPC|EDQUOT/.test(String(error))) throw error;
    }
  }
  closeSync(descriptor);
}
