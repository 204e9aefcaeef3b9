import { InternalError } from "#base/errors.ts";
import { describe, systemError } from "./ffi/errno.ts";
import { cString, type Libc, O_CLOEXEC, O_PATH } from "./ffi/libc.ts";

const CLONE_FS = 0x200;
const CLONE_NEWNET = 0x40000000;

/**
 * The JS thread as the kernel sees it. A namespace or a working directory belongs to a thread, so this
 * one may step aside for a synchronous stretch while Bun's other threads stay where the process is.
 * Nothing else can run meanwhile: that is why every `work` here is synchronous. Stretches nest.
 */
export class JsThread {
  readonly #libc: Libc;
  #hasOwnDirectory = false;
  /** Where `inNetwork` has the thread at the moment. */
  #networkPath: string | undefined;
  /** Of the network namespace that the process is in; open from the first stretch on. */
  #homeNetworkFd: number | undefined;
  #networkDepth = 0;

  constructor(options: { readonly libc: Libc }) {
    this.#libc = options.libc;
  }

  /** Runs `work` in the network namespace at `path`. */
  inNetwork<T>(path: string, work: () => T): T {
    if (path === this.#networkPath) return settled(work());
    const fd = openDescriptor(this.#libc, path, 0);
    try {
      return this.#awayFromNetwork(path, () => {
        if (this.#libc.call.setns(fd, CLONE_NEWNET) !== 0) {
          throw systemError(`Cannot enter network namespace "${path}"`, this.#libc.errno());
        }
        return work();
      });
    } finally {
      this.#libc.call.close(fd);
    }
  }

  /** Runs `work` in a new network namespace, which ends with it unless `work` pins it. */
  inNewNetwork<T>(work: () => T): T {
    return this.#awayFromNetwork(undefined, () => {
      if (this.#libc.call.unshare(CLONE_NEWNET) !== 0) {
        throw systemError("Cannot make a network namespace", this.#libc.errno());
      }
      return work();
    });
  }

  /** Runs `work` with `directory` as the thread's working directory. */
  inDirectory<T>(directory: string, work: () => T): T {
    if (!this.#hasOwnDirectory) {
      if (this.#libc.call.unshare(CLONE_FS) !== 0) {
        throw systemError("Cannot unshare the working directory", this.#libc.errno());
      }
      this.#hasOwnDirectory = true;
    }
    const backFd = openDescriptor(this.#libc, ".", O_PATH);
    try {
      if (this.#libc.call.chdir(cString(directory)) !== 0) {
        throw systemError(`Cannot enter folder "${directory}"`, this.#libc.errno());
      }
      return settled(work());
    } finally {
      if (this.#libc.call.fchdir(backFd) !== 0) this.#abort("folder");
      this.#libc.call.close(backFd);
    }
  }

  #awayFromNetwork<T>(path: string | undefined, work: () => T): T {
    const isNested = this.#networkDepth > 0;
    const back = isNested ? this.#openNetwork() : (this.#homeNetworkFd ??= this.#openNetwork());
    const before = this.#networkPath;
    this.#networkPath = path;
    this.#networkDepth += 1;
    try {
      return settled(work());
    } finally {
      this.#networkDepth -= 1;
      this.#networkPath = before;
      if (this.#libc.call.setns(back, CLONE_NEWNET) !== 0) this.#abort("network namespace");
      if (isNested) this.#libc.call.close(back);
    }
  }

  /** The namespace that the thread is in. */
  #openNetwork(): number {
    return openDescriptor(this.#libc, "/proc/thread-self/ns/net", 0);
  }

  /** A daemon that goes on in the wrong namespace would change a stranger's network: better none. */
  #abort(what: string): never {
    const reason = describe(this.#libc.errno());
    process.stderr.write(`Cannot return to the daemon's own ${what}: ${reason}; aborting\n`);
    process.abort();
  }
}

function settled<T>(result: T): T {
  if (result instanceof Promise) {
    throw new InternalError("Work inside a namespace gave a promise; it must be synchronous");
  }
  return result;
}

/** open(2), close-on-exec and read-only. @throws By errno, naming `path`. */
export function openDescriptor(libc: Libc, path: string, flags: number): number {
  const fd = libc.call.open(cString(path), flags | O_CLOEXEC, 0);
  if (fd < 0) throw systemError(`Cannot open "${path}"`, libc.errno());
  return fd;
}
