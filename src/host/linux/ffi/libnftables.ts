import { closeSync, writeSync } from "node:fs";
import { CString, dlopen, type Library, type Pointer } from "bun:ffi";
import { InternalError } from "#base/errors.ts";
import { systemError } from "./errno.ts";
import { cString, type Libc } from "./libc.ts";

const SYMBOLS = {
  nft_ctx_new: { args: ["u32"], returns: "ptr" },
  nft_ctx_free: { args: ["ptr"], returns: "void" },
  nft_ctx_buffer_output: { args: ["ptr"], returns: "i32" },
  nft_ctx_buffer_error: { args: ["ptr"], returns: "i32" },
  nft_ctx_get_output_buffer: { args: ["ptr"], returns: "ptr" },
  nft_ctx_get_error_buffer: { args: ["ptr"], returns: "ptr" },
  nft_ctx_output_set_flags: { args: ["ptr", "u32"], returns: "void" },
  nft_run_cmd_from_filename: { args: ["ptr", "ptr"], returns: "i32" },
} as const;
const MFD_CLOEXEC = 1;
const NFT_CTX_DEFAULT = 0;
const NFT_CTX_OUTPUT_JSON = 1 << 4;

export type Nftables = Library<typeof SYMBOLS>["symbols"];

export interface NftAnswer {
  readonly isOk: boolean;
  readonly output: string;
  readonly error: string;
}

const M_TRIM_THRESHOLD = -1;
const M_MMAP_THRESHOLD = -3;

/**
 * Lets glibc keep what the library gives back: it takes some 5 MB for each change, and fresh pages from the
 * kernel each time cost 3 ms where the change itself takes 0.5 ms.
 */
function keepFreedMemory(): void {
  const libc = dlopen("libc.so.6", { mallopt: { args: ["i32", "i32"], returns: "i32" } });
  libc.symbols.mallopt(M_TRIM_THRESHOLD, 64 << 20);
  libc.symbols.mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

/** @returns Undefined when the library is not installed. */
export function tryOpenNftables(): Nftables | undefined {
  try {
    keepFreedMemory();
    return dlopen("libnftables.so.1", SYMBOLS).symbols;
  } catch {
    return undefined; // dlopen(3) says no more than a sentence; nft(8) is the other way
  }
}

/**
 * A netlink socket to nftables in the network namespace that the thread was in when it was made. Keeping it
 * open keeps changes fast: the kernel waits for a grace period (8 to 30 ms) when a socket closes that
 * has deleted something.
 */
export class NftContext implements Disposable {
  readonly #nft: Nftables;
  readonly #libc: Libc;
  readonly #context: Pointer;

  constructor({ nft, libc }: { readonly nft: Nftables; readonly libc: Libc }) {
    const context = nft.nft_ctx_new(NFT_CTX_DEFAULT);
    if (context === null || typeof context === "bigint") {
      throw new InternalError("Cannot open nftables: the library gave no context");
    }
    this.#nft = nft;
    this.#libc = libc;
    this.#context = context;
    nft.nft_ctx_buffer_output(context);
    nft.nft_ctx_buffer_error(context);
  }

  run(script: string, format: "text" | "json"): NftAnswer {
    const nft = this.#nft;
    nft.nft_ctx_output_set_flags(this.#context, format === "json" ? NFT_CTX_OUTPUT_JSON : 0);
    // A script in a buffer is run as well, but nft then shows its first line for an error in any.
    const fd = this.#libc.call.memfd_create(cString("nft"), MFD_CLOEXEC);
    if (fd < 0) throw systemError("Cannot hand over an nftables script", this.#libc.errno());
    try {
      writeSync(fd, script);
      const result = nft.nft_run_cmd_from_filename(this.#context, cString(`/proc/self/fd/${fd}`));
      return {
        isOk: result === 0,
        output: toText(nft.nft_ctx_get_output_buffer(this.#context)),
        error: toText(nft.nft_ctx_get_error_buffer(this.#context)),
      };
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    this.#nft.nft_ctx_free(this.#context);
  }
}

function toText(pointer: Pointer | bigint | null): string {
  return pointer === null || typeof pointer === "bigint" ? "" : new CString(pointer).toString();
}
