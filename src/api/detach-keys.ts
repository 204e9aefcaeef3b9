import { InvalidArgumentError } from "#base/errors.ts";

/** `ctrl-p,ctrl-q` */
export const DEFAULT_DETACH_KEYS: Uint8Array = new Uint8Array([16, 17]);

const CONTROL_KEYS = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/**
 * Reads `ctrl-<letter>` and single characters, comma-separated (moby/term `ToBytes`).
 *
 * @param text Empty gives the default.
 * @throws {InvalidArgumentError} With Docker's text.
 */
export function parseDetachKeys(text: string): Uint8Array {
  if (text === "") return DEFAULT_DETACH_KEYS;
  const codes = text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const control = key.startsWith("ctrl-") && key.length === 6 ? key.slice(5) : "";
    const code = control === "" ? -1 : CONTROL_KEYS.indexOf(control.toLowerCase());
    if (code < 0) throw new InvalidArgumentError(`Invalid detach keys (${text}) provided`);
    return code;
  });
  if (codes.some((code) => code > 255)) {
    throw new InvalidArgumentError(`Invalid detach keys (${text}) provided`);
  }
  return new Uint8Array(codes);
}

export interface ScannedInput {
  /** What goes on to the process. */
  readonly forward: Uint8Array;
  readonly isDetached: boolean;
}

/**
 * Looks for the detach keys in terminal input, across packets. A beginning of the sequence is held
 * back until the next key decides: then it is either the end, or goes on unchanged.
 */
export class DetachScanner {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  scan(input: Uint8Array): ScannedInput {
    const forward: number[] = [];
    for (const byte of input) {
      if (byte === this.#keys[this.#matched]) {
        this.#matched++;
        if (this.#matched === this.#keys.length) {
          return { forward: new Uint8Array(forward), isDetached: true };
        }
        continue;
      }
      forward.push(...this.#keys.subarray(0, this.#matched));
      this.#matched = 0;
      if (byte === this.#keys[0] && this.#keys.length > 1) this.#matched = 1;
      else forward.push(byte);
    }
    return { forward: new Uint8Array(forward), isDetached: false };
  }
}
