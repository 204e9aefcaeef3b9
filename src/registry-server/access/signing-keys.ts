import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { invariant } from "#base/errors.ts";
import {
  insertSigningKey,
  listSigningKeys,
  removeSigningKeysBefore,
  type StoredKey,
} from "#registry-server/metadata/signing-keys.ts";
import type { SqlDatabase } from "#store/sql/database.ts";

export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly createdMs: number;
}

/** How often the table is read for a key that another server made. */
const REREAD_MS = 1000;

/**
 * The keys that tokens are signed with, which all servers of a registry share. A new one is made every so often; the
 * one before it stays as long again, so that tokens under way are believed to their end.
 */
export class SigningKeys {
  readonly #database: SqlDatabase;
  readonly #nowMs: () => number;
  readonly #rotationMs: number;
  #keys: readonly SigningKey[] = [];
  #readMs = 0;

  constructor(parts: {
    readonly database: SqlDatabase;
    readonly nowMs: () => number;
    readonly rotationMs: number;
  }) {
    this.#database = parts.database;
    this.#nowMs = parts.nowMs;
    this.#rotationMs = parts.rotationMs;
  }

  /** The key to sign with, made when there is none or it is old. */
  async current(): Promise<SigningKey> {
    const isFresh = (key: SigningKey | undefined): key is SigningKey =>
      key !== undefined && key.createdMs > this.#nowMs() - this.#rotationMs;
    const [known] = this.#keys;
    if (isFresh(known)) return known;
    await this.#database.transaction(async (session) => {
      const [newest] = await listSigningKeys(session);
      if (newest && newest.createdMs > this.#nowMs() - this.#rotationMs) return;
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      await insertSigningKey(session, {
        id: crypto.randomUUID(),
        privateKey: JSON.stringify(privateKey.export({ format: "jwk" })),
        createdMs: this.#nowMs(),
      });
      await removeSigningKeysBefore(session, this.#nowMs() - 2 * this.#rotationMs);
    });
    await this.#read();
    const [current] = this.#keys;
    invariant(current !== undefined, "there is a signing key after one was made");
    return current;
  }

  async find(id: string): Promise<SigningKey | undefined> {
    const known = this.#keys.find((key) => key.id === id);
    if (known || this.#readMs > this.#nowMs() - REREAD_MS) return known;
    await this.#read();
    return this.#keys.find((key) => key.id === id);
  }

  async #read(): Promise<void> {
    const stored = await listSigningKeys(this.#database);
    const oldestMs = this.#nowMs() - 2 * this.#rotationMs;
    this.#keys = stored.filter((key) => key.createdMs >= oldestMs).map(openKey);
    this.#readMs = this.#nowMs();
  }
}

function openKey({ id, privateKey: text, createdMs }: StoredKey): SigningKey {
  const privateKey = createPrivateKey({ key: JSON.parse(text), format: "jwk" });
  return { id, privateKey, publicKey: createPublicKey(privateKey), createdMs };
}
