import { randomBytes, timingSafeEqual } from "node:crypto";

/** What a token's text begins with, so that scanners for leaked secrets know it. */
export const TOKEN_PREFIX = "whr_";
const ID_BYTES = 9;
const SECRET_BYTES = 32;

export interface NewSecret {
  readonly id: string;
  /** Shown once: `whr_<id>.<secret>`. */
  readonly text: string;
  readonly hash: string;
}

export function hashSecret(text: string): string {
  return new Bun.CryptoHasher("sha256").update(text).digest("hex");
}

export function newSecret(): NewSecret {
  const id = randomBytes(ID_BYTES).toString("base64url");
  const text = `${TOKEN_PREFIX}${id}.${randomBytes(SECRET_BYTES).toString("base64url")}`;
  return { id, text, hash: hashSecret(text) };
}

/** The id in a token's text; undefined for what is no token. */
export function secretId(text: string): string | undefined {
  return /^whr_([\w-]{12})\.[\w-]{43}$/.exec(text)?.[1];
}

export function secretMatches(text: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(text)), Buffer.from(hash));
}
