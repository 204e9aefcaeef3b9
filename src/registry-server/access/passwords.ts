import { Semaphore } from "#base/async.ts";
import { InvalidArgumentError } from "#base/errors.ts";

/** OWASP's least for argon2id: more memory would let a burst of logins take what the registry needs itself. */
const ARGON2: Bun.Password.Argon2Algorithm = {
  algorithm: "argon2id",
  memoryCost: 19_456,
  timeCost: 2,
};
/** Passwords that are hashed at once. */
const PARALLEL = 2;
const MIN_LENGTH = 8;
const MAX_LENGTH = 1024;
const REMEMBERED_MS = 60_000;
const REMEMBERED_MAX = 1000;

/** Hashes and checks passwords, a few at a time, and remembers for a minute what was right. */
export class Passwords {
  readonly #nowMs: () => number;
  /** Hash of stored hash and password, to when it is believed. */
  readonly #right = new Map<string, number>();
  readonly #salt = crypto.randomUUID();
  readonly #turns = new Semaphore(PARALLEL);

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** @throws {InvalidArgumentError} Too short or too long. */
  async hash(password: string): Promise<string> {
    if (password.length < MIN_LENGTH || password.length > MAX_LENGTH) {
      throw new InvalidArgumentError(
        `Cannot set the password: want ${MIN_LENGTH} to ${MAX_LENGTH} characters`,
      );
    }
    return await this.#inTurn(() => Bun.password.hash(password, ARGON2));
  }

  async verify(password: string, hash: string): Promise<boolean> {
    if (password.length > MAX_LENGTH) return false;
    const key = new Bun.CryptoHasher("sha256", this.#salt)
      .update(`${hash}\n${password}`)
      .digest("hex");
    if ((this.#right.get(key) ?? 0) > this.#nowMs()) return true;
    const isRight = await this.#inTurn(() => Bun.password.verify(password, hash));
    if (isRight) {
      if (this.#right.size >= REMEMBERED_MAX) this.#right.clear();
      this.#right.set(key, this.#nowMs() + REMEMBERED_MS);
    }
    return isRight;
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    using _turn = await this.#turns.acquire();
    return await work();
  }
}
