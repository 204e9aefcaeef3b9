import { constants, createHash, createPrivateKey, privateDecrypt, randomUUID } from "node:crypto";
import { homedir } from "node:os";
import { ArgumentError, hclFunction } from "#bake/hcl/function.ts";
import type { HclFunction } from "#bake/hcl/scope.ts";
import { list, object, STRING, text, type Value } from "#bake/hcl/value.ts";
import { anyParameter, asInteger, asText, nullableParameter, textParameter } from "./arguments.ts";
import { jsonText, valueOfJson } from "./json.ts";

function digest(algorithm: string): HclFunction {
  return hclFunction([textParameter("str")], (value) =>
    text(createHash(algorithm).update(asText(value)).digest("hex")),
  );
}

function decoded(value: string): string {
  const bytes = Buffer.from(value, "base64");
  const isWhole = /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0;
  if (!isWhole) throw new ArgumentError(0, "it is no base64");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new ArgumentError(0, "what it holds is no UTF-8");
  }
}

/** Go's `url.QueryEscape`. */
function urlEncoded(value: string): string {
  return encodeURIComponent(value)
    .replaceAll("%20", "+")
    .replaceAll(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** RFC 4180, with the first row as names. */
function csvRows(value: string): readonly Value[] {
  const [names, ...rows] = parseCsv(value);
  if (!names) throw new ArgumentError(0, "missing header line");
  return rows.map((row) => {
    if (row.length !== names.length) throw new ArgumentError(0, "wrong number of fields");
    return object(names.map((name, at) => [name, text(row[at] ?? "")]));
  });
}

/** Rows of fields. @throws {ArgumentError} A quote that is not closed, or in the middle of a field. */
export function parseCsv(value: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  let row: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/gy;
  let at = 0;
  while (at < value.length || row.length > 0) {
    field.lastIndex = at;
    const match = field.exec(value);
    if (!match) throw new ArgumentError(0, "a quote stands in the wrong place");
    const [whole, quoted, bare = "", end = ""] = match;
    row.push(quoted === undefined ? bare : quoted.replaceAll('""', '"'));
    at += whole.length;
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
    if (end === "") break;
  }
  return rows;
}

const UUID_NAMESPACES: Readonly<Record<string, string>> = {
  dns: "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
  url: "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
  oid: "6ba7b812-9dad-11d1-80b4-00c04fd430c8",
  x500: "6ba7b814-9dad-11d1-80b4-00c04fd430c8",
};

/** RFC 9562, version 5. */
function namedUuid(namespace: string, name: string): string {
  const known = UUID_NAMESPACES[namespace] ?? namespace;
  const hex = known.replaceAll("-", "");
  if (!/^[\da-f]{32}$/i.test(hex)) {
    throw new ArgumentError(0, "there are dns, url, oid, x500, and UUIDs");
  }
  const bytes = createHash("sha1").update(Buffer.from(hex, "hex")).update(name).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const made = bytes.subarray(0, 16).toString("hex");
  return [8, 12, 16, 20, 32]
    .map((end, index, ends) => made.slice(ends[index - 1] ?? 0, end))
    .join("-");
}

function decrypted(cipher: string, key: string): string {
  try {
    const made = { key: createPrivateKey(key), padding: constants.RSA_PKCS1_PADDING };
    return privateDecrypt(made, Buffer.from(cipher, "base64")).toString();
  } catch {
    throw new ArgumentError(-1, "it cannot be decrypted with this key");
  }
}

function noBytes(name: string): HclFunction {
  return hclFunction(
    [anyParameter("buf")],
    () => {
      throw new ArgumentError(0, `bytes required: no value of a definition is that, see ${name}`);
    },
    anyParameter("rest"),
  );
}

export const ENCODING_FUNCTIONS: Readonly<Record<string, HclFunction>> = {
  base64decode: hclFunction([textParameter("str")], (value) => text(decoded(asText(value)))),
  base64encode: hclFunction([textParameter("str")], (value) =>
    text(Buffer.from(asText(value)).toString("base64")),
  ),
  bcrypt: hclFunction(
    [textParameter("str")],
    (value, cost) => {
      const rounds = cost === undefined ? 10 : asInteger(cost, 1);
      if (rounds < 4 || rounds > 31) throw new ArgumentError(1, "the cost is from 4 to 31");
      return text(Bun.password.hashSync(asText(value), { algorithm: "bcrypt", cost: rounds }));
    },
    anyParameter("cost"),
  ),
  byteslen: noBytes("strlen"),
  bytesslice: noBytes("substr"),
  csvdecode: hclFunction([textParameter("str")], (value) => {
    const rows = csvRows(asText(value));
    const names = rows[0]?.kind === "object" ? [...rows[0].entries.keys()] : [];
    const attributes = new Map(names.map((name) => [name, STRING] as const));
    return list({ kind: "object", attributes }, rows);
  }),
  homedir: hclFunction([], () => text(homedir())),
  jsondecode: hclFunction([textParameter("str")], (value) => valueOfJson(asText(value))),
  jsonencode: hclFunction([nullableParameter("val")], (value) =>
    text(value ? jsonText(value) : "null"),
  ),
  md5: digest("md5"),
  rsadecrypt: hclFunction(["ciphertext", "privatekey"].map(textParameter), (cipher, key) =>
    text(decrypted(asText(cipher), asText(key))),
  ),
  sha1: digest("sha1"),
  sha256: digest("sha256"),
  sha512: digest("sha512"),
  urlencode: hclFunction([textParameter("str")], (value) => text(urlEncoded(asText(value)))),
  uuidv4: hclFunction([], () => text(randomUUID())),
  uuidv5: hclFunction(["namespace", "name"].map(textParameter), (namespace, name) =>
    text(namedUuid(asText(namespace), asText(name))),
  ),
};
