import { InvalidArgumentError } from "#base/errors.ts";

/** What docker uses where neither flag nor configuration says otherwise. */
export const defaultDetachKeys = "ctrl-p,ctrl-q";

const controlKeys = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/**
 * Parses docker's notation: keys separated by commas, each a character or `ctrl-` with one of
 * `@`, a letter, `[`, `\`, `]`, `^`, `_`.
 *
 * @returns The bytes that the terminal sends for them.
 */
export function parseDetachKeys(text: string): Uint8Array {
  const bytes = text.split(",").map((key) => {
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    const control = /^ctrl-(.)$/.exec(key)?.[1]?.toLowerCase();
    const code = control === undefined ? -1 : controlKeys.indexOf(control);
    if (code < 0) throw new InvalidArgumentError(`invalid detach keys (${text}) provided`);
    return code;
  });
  return Uint8Array.from(bytes);
}

/** What of the typed bytes goes on, and whether the sequence is complete. */
export interface FilteredKeys {
  readonly bytes: Uint8Array;
  readonly isDetached: boolean;
}

/** Watches typed bytes for the detach sequence; its beginning is held back until it is none. */
export class DetachKeyFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What follows the complete sequence in the same chunk is dropped, as the user has left. */
  push(chunk: Uint8Array): FilteredKeys {
    if (this.#keys.length === 0) return { bytes: chunk, isDetached: false };
    const bytes: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        bytes.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte === this.#keys[this.#matched]) this.#matched += 1;
      else bytes.push(byte);
      if (this.#matched === this.#keys.length) {
        return { bytes: Uint8Array.from(bytes), isDetached: true };
      }
    }
    return { bytes: Uint8Array.from(bytes), isDetached: false };
  }
}
