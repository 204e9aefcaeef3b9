import type { Clock } from "#host/clock.ts";
import { parseResolvConf, type ResolvConf } from "#networks/files/resolv-conf.ts";

/** How old what is known of the host's file may be. */
const MAX_AGE_MS = 1000;

/**
 * The host's resolv.conf, read again when a question needs it and a second has passed. No watch: the file may be
 * a link, a mount, or be replaced, and this sees each of them.
 */
export class HostServers {
  readonly #clock: Clock;
  readonly #read: () => string;
  #known: ResolvConf | undefined;
  #readAtMs = 0;

  /** @param options.read The file's text. A failure leaves what was known. */
  constructor(options: { readonly clock: Clock; readonly read: () => string }) {
    this.#clock = options.clock;
    this.#read = options.read;
  }

  /** @returns What the file says now, or said a second ago. */
  resolvConf(): ResolvConf {
    const nowMs = this.#clock.monotonicMs();
    if (this.#known && nowMs - this.#readAtMs < MAX_AGE_MS) return this.#known;
    this.#readAtMs = nowMs;
    const text = this.#tryRead();
    // an empty file is one that is being written: its servers are not gone
    if (!this.#known || text.trim() !== "") this.#known = parseResolvConf(text);
    return this.#known;
  }

  #tryRead(): string {
    try {
      return this.#read();
    } catch {
      return ""; // of no use to a question; the start of a container tells what is wrong with it
    }
  }
}
