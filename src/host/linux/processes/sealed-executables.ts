import { closeSync, readFileSync, statSync, writeSync } from "node:fs";
import { basename } from "node:path";
import { WharfError } from "#base/errors.ts";
import { systemError } from "#host/linux/ffi/errno.ts";
import type { Libc } from "#host/linux/ffi/libc.ts";
import { openMemoryFile } from "./memory-file.ts";

const F_ADD_SEALS = 1033;
/** Neither written to, nor grown, nor shrunk, nor unsealed: exactly what crun asks of its own copy. */
const ALL_SEALS = 0xf;

interface SealedCopy {
  readonly path: string;
  /** Tells a program that was replaced on disk from the one that was copied. */
  readonly version: string;
}

/** Copies of programs in memory that nobody can change, each made at the first need. */
export class SealedExecutables {
  readonly #libc: Libc;
  readonly #copies = new Map<string, SealedCopy>();

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  /** @see Processes.sealedCopy */
  pathOf(path: string): string {
    const { dev, ino, size, mtimeMs } = statSync(path);
    const version = `${dev} ${ino} ${size} ${mtimeMs}`;
    const known = this.#copies.get(path);
    if (known?.version === version) return known.path;
    // One that was replaced stays open: somebody may be about to run it.
    const copy = { path: this.#tryCopy(path) ?? path, version };
    this.#copies.set(path, copy);
    return copy.path;
  }

  #tryCopy(path: string): string | undefined {
    const program = readFileSync(path);
    if (program.toString("latin1", 0, 4) !== "\x7fELF") return undefined; // a script may ask for its path
    try {
      return this.#copy(program, basename(path));
    } catch (error) {
      // some hosts forbid it (sysctl vm.memfd_noexec): without a copy it works as well, only slower
      if (error instanceof WharfError) return undefined;
      throw error;
    }
  }

  #copy(program: Buffer, name: string): string {
    const fd = openMemoryFile(this.#libc, name, { mayBeSealed: true });
    for (let at = 0; at < program.length; ) at += writeSync(fd, program, at);
    if (this.#libc.call.fcntl(fd, F_ADD_SEALS, ALL_SEALS) === 0)
      return `/proc/${process.pid}/fd/${fd}`;
    const errno = this.#libc.errno();
    closeSync(fd);
    throw systemError(`Cannot seal a copy of ${name}`, errno);
  }
}
