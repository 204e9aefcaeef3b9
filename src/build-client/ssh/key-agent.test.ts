import { expect, test } from "bun:test";
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { answerTo, serveKeys } from "./key-agent.ts";
import { openAgentSource } from "./open-agent.ts";
import { parsePrivateKey, type SshKey } from "./private-key.ts";
import { sshBytes, sshNumber, SshReader } from "./ssh-wire.ts";

const FOLDER = join(import.meta.dir, "testdata");
const KINDS = [
  "ed25519",
  "ecdsa-256",
  "ecdsa-384",
  "ecdsa-521",
  "rsa",
  "rsa-pem",
  "rsa-pkcs8",
] as const;

function keyOf(name: string): SshKey {
  return parsePrivateKey(readFileSync(join(FOLDER, name), "utf8"));
}

/** The public half as ssh-keygen has written it. */
function publicOf(name: string): { readonly blob: string; readonly comment: string } {
  const text = readFileSync(join(FOLDER, `${name}.pub`), "utf8").trim();
  const [, blob = "", ...comment] = text.split(" ");
  return { blob, comment: comment.join(" ") };
}

/** Checks a signature as the other side of a connection would, by the public half alone. */
function isSigned(blob: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean {
  const key = new SshReader(blob);
  const kind = key.text();
  const signed = new SshReader(signature);
  const scheme = signed.text();
  const value = signed.bytes();
  const base64 = (bytes: Buffer): string => bytes.toString("base64url");
  if (kind === "ssh-ed25519") {
    const jwk = { kty: "OKP", crv: "Ed25519", x: base64(key.bytes()) };
    return verify(null, data, createPublicKey({ key: jwk, format: "jwk" }), value);
  }
  if (kind === "ssh-rsa") {
    const [e, n] = [base64(key.integer()), base64(key.integer())];
    const hash = { "ssh-rsa": "sha1", "rsa-sha2-256": "sha256", "rsa-sha2-512": "sha512" }[scheme];
    const jwk = { kty: "RSA", e, n };
    return verify(hash, data, createPublicKey({ key: jwk, format: "jwk" }), value);
  }
  const curve = key.text();
  const point = key.bytes().subarray(1);
  const size = point.length / 2;
  const crv = curve.replace("nistp", "P-");
  const [x, y] = [base64(point.subarray(0, size)), base64(point.subarray(size))];
  const pair = new SshReader(value);
  const padded = [pair.integer(), pair.integer()].map((one) =>
    Buffer.concat([Buffer.alloc(size - one.length), one]),
  );
  const hash = { "P-256": "sha256", "P-384": "sha384", "P-521": "sha512" }[crv];
  const publicKey = createPublicKey({ key: { kty: "EC", crv, x, y }, format: "jwk" });
  return verify(hash, data, { key: publicKey, dsaEncoding: "ieee-p1363" }, Buffer.concat(padded));
}

test.each(KINDS)(
  "parsePrivateKey() reads %s: its public half is ssh-keygen's, and it signs",
  (name) => {
    const key = keyOf(name);
    const { blob, comment } = publicOf(name);
    expect(Buffer.from(key.publicBlob).toString("base64")).toBe(blob);
    // PEM has no place for one
    expect(key.comment).toBe(name.startsWith("rsa-p") ? "" : comment);
    const data = Buffer.from("to be signed");
    for (const flags of [0, 2, 4, 6]) {
      const signature = key.sign(data, flags);
      expect(isSigned(key.publicBlob, data, signature)).toBe(true);
      expect(isSigned(key.publicBlob, Buffer.from("another"), signature)).toBe(false);
    }
  },
);

test("an RSA key signs by the hash that is asked for", () => {
  const schemes = [0, 2, 4].map((flags) =>
    new SshReader(keyOf("rsa").sign(Buffer.from("x"), flags)).text(),
  );
  expect(schemes).toEqual(["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512"]);
});

test("parsePrivateKey() tells of a passphrase, and of what is no key", () => {
  const passphrase = "ssh: this private key is passphrase protected";
  expect(() => keyOf("ed25519-passphrase")).toThrow(passphrase);
  expect(() => keyOf("rsa-pem-passphrase")).toThrow(passphrase);
  expect(() => keyOf("ed25519.pub")).toThrow("ssh: no key found");
  expect(() => parsePrivateKey("")).toThrow("ssh: no key found");
  const text = readFileSync(join(FOLDER, "ed25519"), "utf8");
  expect(() => parsePrivateKey(text.replace(/\n.{30}/, "\n"))).toThrow("ssh: ");
  const half = `-----BEGIN OPENSSH PRIVATE KEY-----\n${Buffer.from("openssh-key-v1\0").toString("base64")}\n-----END OPENSSH PRIVATE KEY-----\n`;
  expect(() => parsePrivateKey(half)).toThrow("the message is cut off");
});

test("openAgentSource() names the file and what to do with it", async () => {
  const path = join(FOLDER, "ed25519-passphrase");
  expect(openAgentSource([path])).rejects.toThrow(
    `failed to parse ${path}: ssh: this private key is passphrase protected: add it to an agent by "ssh-add ${path}"`,
  );
  expect(openAgentSource(["/nowhere"])).rejects.toThrow("stat /nowhere: no such file or directory");
  expect(openAgentSource([FOLDER])).rejects.toThrow(`read ${FOLDER}: is a directory`);
  const both = await openAgentSource([join(FOLDER, "ed25519"), join(FOLDER, "rsa")]);
  expect(both).toMatchObject({ kind: "keys", keys: [{}, {}] });
});

test("answerTo() lists keys, signs with those that it has, and refuses all else", () => {
  const keys = [keyOf("ed25519"), keyOf("ecdsa-256")];
  const list = new SshReader(answerTo(Buffer.from([11]), keys).subarray(1));
  expect(list.number()).toBe(2);
  expect(list.bytes().toString("base64")).toBe(publicOf("ed25519").blob);
  expect(list.text()).toBe(publicOf("ed25519").comment);
  const request = (key: SshKey): Buffer =>
    Buffer.concat([Buffer.from([13]), sshBytes(key.publicBlob), sshBytes("data"), sshNumber(0)]);
  const [first] = keys;
  if (!first) throw new Error("no key");
  const answer = answerTo(request(first), keys);
  expect(answer[0]).toBe(14);
  expect(
    isSigned(first.publicBlob, Buffer.from("data"), new SshReader(answer.subarray(1)).bytes()),
  ).toBe(true);
  const refused = Buffer.from([5]);
  expect(answerTo(request(keyOf("rsa")), keys)).toEqual(refused);
  expect(answerTo(Buffer.from([13, 0, 0, 0, 200]), keys)).toEqual(refused);
  // adding, removing, locking; and nothing at all
  for (const kind of [17, 18, 19, 22, 25, 27, 255]) {
    expect(answerTo(Buffer.from([kind, 1, 2]), keys)).toEqual(refused);
  }
  expect(answerTo(Buffer.alloc(0), keys)).toEqual(refused);
});

test("serveKeys() takes messages in whatever pieces they come, and none that is too long", async () => {
  const keys = [keyOf("ed25519")];
  const list = sshBytes(Buffer.from([11]));
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (const byte of Buffer.concat([list, list])) yield Buffer.from([byte]);
    yield list;
  }
  const answers: Uint8Array[] = [];
  for await (const answer of serveKeys(keys, pieces())) answers.push(answer);
  expect(answers).toHaveLength(3);
  async function* tooLong(): AsyncGenerator<Uint8Array> {
    yield Buffer.from([0xff, 0xff, 0xff, 0xff, 1]);
  }
  expect(serveKeys(keys, tooLong()).next()).rejects.toThrow("4294967295 bytes");
});
