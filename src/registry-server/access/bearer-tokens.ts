import { sign, verify } from "node:crypto";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import type { ResourceScope } from "#spec/distribution/scopes.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** What a token says. */
export interface Claims {
  /** Empty for anonymous. */
  readonly subject: string;
  readonly scopes: readonly ResourceScope[];
  readonly expiresMs: number;
}

/** Issuer and audience of our tokens, and the `service` of the challenge. */
export const SERVICE = "wharf-registry";
/** Clocks of two servers may differ by so much. */
const LEEWAY_SECONDS = 60;
const REMEMBERED_MAX = 2000;
const TOKEN_MAX_LENGTH = 16_384;

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(text: string): JsonReader {
  return JsonReader.of(parseJson(Buffer.from(text, "base64url").toString("utf8")));
}

/** Tokens of Docker's token authentication: JWT, signed by ES256. */
export class BearerTokens {
  readonly #keys: SigningKeys;
  readonly #nowMs: () => number;
  /** Tokens that were right, which most requests bring again. */
  readonly #known = new Map<string, Claims>();

  constructor(keys: SigningKeys, nowMs: () => number) {
    this.#keys = keys;
    this.#nowMs = nowMs;
  }

  async issue(claims: Claims): Promise<string> {
    const key = await this.#keys.current();
    const nowSeconds = Math.floor(this.#nowMs() / 1000);
    const head = encode({ typ: "JWT", alg: "ES256", kid: key.id });
    const body = encode({
      iss: SERVICE,
      aud: SERVICE,
      sub: claims.subject,
      iat: nowSeconds,
      nbf: nowSeconds - LEEWAY_SECONDS,
      exp: Math.floor(claims.expiresMs / 1000),
      jti: crypto.randomUUID(),
      access: claims.scopes,
    });
    const signature = sign("sha256", Buffer.from(`${head}.${body}`), {
      key: key.privateKey,
      dsaEncoding: "ieee-p1363",
    });
    return `${head}.${body}.${signature.toString("base64url")}`;
  }

  /** @returns Undefined for what is not ours, not whole or too old. */
  async verify(token: string): Promise<Claims | undefined> {
    const known = this.#known.get(token) ?? (await this.#read(token));
    if (!known || known.expiresMs <= this.#nowMs()) {
      this.#known.delete(token);
      return undefined;
    }
    if (this.#known.size >= REMEMBERED_MAX) this.#known.clear();
    this.#known.set(token, known);
    return known;
  }

  async #read(token: string): Promise<Claims | undefined> {
    const [head, body, signature, ...rest] = token.split(".");
    const isShaped = head && body && signature && rest.length === 0;
    if (!isShaped || token.length > TOKEN_MAX_LENGTH) return undefined;
    try {
      const header = decode(head);
      const key = await this.#keys.find(header.string("kid") ?? "");
      if (header.string("alg") !== "ES256" || !key) return undefined;
      const isSigned = verify(
        "sha256",
        Buffer.from(`${head}.${body}`),
        { key: key.publicKey, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "base64url"),
      );
      return isSigned ? this.#claims(decode(body)) : undefined;
    } catch (error) {
      if (error instanceof InvalidArgumentError) return undefined; // not JSON, or of another shape
      throw error;
    }
  }

  #claims(body: JsonReader): Claims | undefined {
    const nowSeconds = this.#nowMs() / 1000;
    if (body.string("iss") !== SERVICE || body.string("aud") !== SERVICE) return undefined;
    if ((body.integer("nbf") ?? Infinity) > nowSeconds) return undefined;
    return {
      subject: body.string("sub") ?? "",
      expiresMs: (body.integer("exp") ?? 0) * 1000,
      scopes: (body.objects("access") ?? []).map((scope) => ({
        type: scope.string("type") ?? "",
        name: scope.string("name") ?? "",
        actions: scope.strings("actions") ?? [],
      })),
    };
  }
}
