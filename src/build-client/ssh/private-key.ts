import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import { InvalidArgumentError } from "#base/errors.ts";
import { sshBytes, sshInteger, SshReader } from "./ssh-wire.ts";

/** A private key that an agent signs with. */
export interface SshKey {
  /** As `authorized_keys` has it, in base64 there. */
  readonly publicBlob: Uint8Array;
  readonly comment: string;
  /** @param flags Of the request (draft-ietf-sshm-ssh-agent, 4.5.1): which hash an RSA key is used with. */
  sign(data: Uint8Array, flags: number): Uint8Array;
}

const OPENSSH_BLOCK = /-----BEGIN OPENSSH PRIVATE KEY-----([^-]*)-----END OPENSSH PRIVATE KEY-----/;
const OPENSSH_MAGIC = "openssh-key-v1\0";
const PASSPHRASE = "ssh: this private key is passphrase protected";
const RSA_SHA256 = 2;
const RSA_SHA512 = 4;

/** A JSON Web Key. */
type Jwk = Readonly<Record<string, string>>;

interface Curve {
  readonly name: string;
  readonly hash: string;
  /** Of a coordinate. */
  readonly sizeBytes: number;
}

/** By their names in JSON Web Keys. */
const CURVES: ReadonlyMap<string, Curve> = new Map([
  ["P-256", { name: "nistp256", hash: "sha256", sizeBytes: 32 }],
  ["P-384", { name: "nistp384", hash: "sha384", sizeBytes: 48 }],
  ["P-521", { name: "nistp521", hash: "sha512", sizeBytes: 66 }],
]);

/**
 * Reads a private key: OpenSSH's format, or PEM (PKCS #1, PKCS #8, SEC 1).
 *
 * @throws {InvalidArgumentError} No key, one of another kind, or one with a passphrase: in Go's words, which buildx has.
 */
export function parsePrivateKey(text: string): SshKey {
  const block = OPENSSH_BLOCK.exec(text)?.[1];
  if (block !== undefined) return readOpenSshKey(Buffer.from(block, "base64"));
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    throw new InvalidArgumentError("ssh: no key found");
  }
  if (text.includes("ENCRYPTED")) throw new InvalidArgumentError(PASSPHRASE);
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch (cause) {
    throw new InvalidArgumentError("ssh: the private key cannot be read", { cause });
  }
  return toSshKey(key, "");
}

/** PROTOCOL.key of OpenSSH. */
function readOpenSshKey(bytes: Uint8Array): SshKey {
  const magic = Buffer.from(bytes.subarray(0, OPENSSH_MAGIC.length)).toString("latin1");
  if (magic !== OPENSSH_MAGIC)
    throw new InvalidArgumentError("ssh: invalid openssh private key format");
  const file = new SshReader(bytes.subarray(OPENSSH_MAGIC.length));
  const cipher = file.text();
  file.text(); // how the passphrase becomes a key
  file.bytes();
  if (cipher !== "none") throw new InvalidArgumentError(PASSPHRASE);
  if (file.number() !== 1) throw new InvalidArgumentError("ssh: the file has not one key");
  file.bytes(); // its public half
  const secret = new SshReader(file.bytes());
  if (secret.number() !== secret.number()) {
    throw new InvalidArgumentError("ssh: malformed OpenSSH key");
  }
  const jwk = readSecret(secret.text(), secret);
  return toSshKey(createPrivateKey({ key: jwk, format: "jwk" }), secret.text());
}

function readSecret(kind: string, secret: SshReader): Jwk {
  if (kind === "ssh-ed25519") {
    const x = secret.bytes();
    const seed = secret.bytes().subarray(0, x.length);
    return { kty: "OKP", crv: "Ed25519", x: base64(x), d: base64(seed) };
  }
  if (kind === "ssh-rsa") return readRsa(secret);
  const curve = [...CURVES].find(([, { name }]) => kind === `ecdsa-sha2-${name}`);
  if (!curve) throw new InvalidArgumentError(`ssh: unhandled key type ${JSON.stringify(kind)}`);
  const [crv, { sizeBytes }] = curve;
  secret.text(); // the curve once more
  const point = secret.bytes().subarray(1);
  const d = secret.integer();
  return {
    kty: "EC",
    crv,
    x: base64(point.subarray(0, sizeBytes)),
    y: base64(point.subarray(sizeBytes)),
    d: base64(Buffer.concat([Buffer.alloc(sizeBytes - d.length), d])),
  };
}

function readRsa(secret: SshReader): Jwk {
  const [n, e, d, qi, p, q] = [1, 2, 3, 4, 5, 6].map(() => secret.integer()) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ]; // as many as are asked for
  const exponent = (prime: Buffer): string => {
    const hex = (toBigInt(d) % (toBigInt(prime) - 1n)).toString(16);
    return base64(Buffer.from(hex.padStart(hex.length + (hex.length % 2), "0"), "hex"));
  };
  return {
    kty: "RSA",
    n: base64(n),
    e: base64(e),
    d: base64(d),
    p: base64(p),
    q: base64(q),
    dp: exponent(p),
    dq: exponent(q),
    qi: base64(qi),
  };
}

function toSshKey(key: KeyObject, comment: string): SshKey {
  const jwk = key.export({ format: "jwk" });
  const { kty, crv = "", x = "", y = "", n = "", e = "" } = jwk;
  if (kty === "OKP" && crv === "Ed25519") {
    const kind = "ssh-ed25519";
    return {
      publicBlob: Buffer.concat([sshBytes(kind), sshBytes(bytesOf(x))]),
      comment,
      sign: (data) => signature(kind, sign(null, data, key)),
    };
  }
  if (kty === "RSA") {
    return {
      publicBlob: Buffer.concat([
        sshBytes("ssh-rsa"),
        sshInteger(bytesOf(e)),
        sshInteger(bytesOf(n)),
      ]),
      comment,
      sign: (data, flags) => {
        const [kind, hash] = rsaScheme(flags);
        return signature(kind, sign(hash, data, key));
      },
    };
  }
  const curve = CURVES.get(crv);
  if (kty !== "EC" || !curve) {
    throw new InvalidArgumentError(`ssh: unsupported key type ${crv || kty || "unknown"}`);
  }
  return ecdsaKey(key, { curve, x, y, comment });
}

function ecdsaKey(
  key: KeyObject,
  {
    curve,
    x,
    y,
    comment,
  }: { readonly curve: Curve; readonly x: string; readonly y: string; readonly comment: string },
): SshKey {
  const kind = `ecdsa-sha2-${curve.name}`;
  const point = Buffer.concat([Buffer.from([4]), bytesOf(x), bytesOf(y)]);
  return {
    publicBlob: Buffer.concat([sshBytes(kind), sshBytes(curve.name), sshBytes(point)]),
    comment,
    sign: (data) => {
      const pair = sign(curve.hash, data, { key, dsaEncoding: "ieee-p1363" });
      const [r, s] = [pair.subarray(0, curve.sizeBytes), pair.subarray(curve.sizeBytes)];
      return signature(kind, Buffer.concat([sshInteger(r), sshInteger(s)]));
    },
  };
}

/** RFC 8332. Without a flag it is the scheme that old servers know. */
function rsaScheme(flags: number): readonly [kind: string, hash: string] {
  if ((flags & RSA_SHA512) !== 0) return ["rsa-sha2-512", "sha512"];
  if ((flags & RSA_SHA256) !== 0) return ["rsa-sha2-256", "sha256"];
  return ["ssh-rsa", "sha1"];
}

function signature(kind: string, value: Uint8Array): Uint8Array {
  return Buffer.concat([sshBytes(kind), sshBytes(value)]);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, "base64url");
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex") || "0"}`);
}
