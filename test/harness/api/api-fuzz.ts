import fc from "fast-check";
import {
  type ApiReference,
  type Operation,
  type Yaml,
  asObject,
  fillPath,
} from "./api-reference.ts";

/** Words that mean something to the engine under test, mixed into what is random. */
export interface FuzzWords {
  /** Values of a path's parts: names and ids that exist, and others. */
  readonly names: readonly string[];
  /** Texts where a schema wants a string. */
  readonly texts: readonly string[];
  /** By path: what most bodies have, so that the rest of them is looked at. */
  readonly given: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** One request as it goes over the wire; latin1 text for the head. */
export interface FuzzRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Uint8Array;
}

const NUMBERS = [
  ...[0, 1, -1, 2, 100, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53],
  ...[-(2 ** 53), 2 ** 63, 2 ** 64, -(2 ** 63), 1.5, -0.001, 1e308, 5e-324],
];
const KEYS = [
  "a",
  "",
  "__proto__",
  "constructor",
  "80/tcp",
  "Ä",
  "\u0000",
  "bridge",
  "k".repeat(300),
];
const MAX_DEPTH = 5;

/** Paths never begin with "/" unless listed in `words`: a bind source would be made on the host. */
function texts(words: FuzzWords): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...words.texts) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 40 }).map(relative) },
    { weight: 1, arbitrary: fc.string({ maxLength: 12 }).map(relative) },
    { weight: 1, arbitrary: fc.nat({ max: 20_000 }).map((length) => "x".repeat(length)) },
  );
}

function relative(text: string): string {
  return text.replace(/^[\s/]+/, "");
}

function numbers(): fc.Arbitrary<number> {
  return fc.oneof(fc.constantFrom(...NUMBERS), fc.integer());
}

/** Of another type than any schema wants, deep or long. */
function misfits(words: FuzzWords): fc.Arbitrary<unknown> {
  const deep = (depth: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
    return value;
  };
  return fc.oneof(
    fc.constantFrom(null, true, "", [], {}, [null], { "": null }),
    numbers(),
    texts(words),
    fc.nat({ max: 300 }).map(deep),
    fc.array(fc.constant({}), { minLength: 100, maxLength: 2000 }),
  );
}

/** Makes values that mostly fit the reference's schemas, and now and then do not. */
export class SchemaFuzz {
  readonly #definitions: Yaml;
  readonly #words: FuzzWords;
  readonly #misfits: fc.Arbitrary<unknown>;

  constructor(reference: ApiReference, words: FuzzWords) {
    this.#definitions = reference.definitions;
    this.#words = words;
    this.#misfits = misfits(words);
  }

  #resolve(schema: Yaml): Yaml {
    const pointer = schema["$ref"];
    const name =
      typeof pointer === "string" ? /^#\/definitions\/(\w+)$/.exec(pointer)?.[1] : undefined;
    const target = name === undefined ? schema : asObject(this.#definitions[name]);
    const parts = Array.isArray(target["allOf"]) ? target["allOf"].map(asObject) : [];
    if (parts.length === 0) return target;
    const resolved = parts.map((part) => this.#resolve(part));
    const properties = Object.assign({}, ...resolved.map((one) => asObject(one["properties"])));
    return { type: "object", properties };
  }

  valueOf(schema: Yaml, depth = 0): fc.Arbitrary<unknown> {
    return fc.oneof(
      { weight: 25, arbitrary: this.#fitting(this.#resolve(schema), depth) },
      { weight: 1, arbitrary: this.#misfits },
    );
  }

  #fitting(schema: Yaml, depth: number): fc.Arbitrary<unknown> {
    const choices = schema["enum"];
    if (Array.isArray(choices) && choices.length > 0) return fc.constantFrom(...choices);
    switch (schema["type"]) {
      case "boolean":
        return fc.boolean();
      case "integer":
      case "number":
        return numbers();
      case "array":
        if (depth >= MAX_DEPTH) return fc.constant([]);
        return fc.array(this.valueOf(asObject(schema["items"]), depth + 1), { maxLength: 3 });
      case "string":
        return texts(this.#words);
      default:
        return this.#objectOf(schema, depth);
    }
  }

  #objectOf(schema: Yaml, depth: number): fc.Arbitrary<unknown> {
    if (depth >= MAX_DEPTH) return fc.constant({});
    const properties = Object.entries(asObject(schema["properties"]));
    if (properties.length === 0) {
      const values = this.valueOf(asObject(schema["additionalProperties"]), depth + 1);
      return fc.dictionary(fc.constantFrom(...KEYS, ...this.#words.names), values, { maxKeys: 3 });
    }
    const some = fc.subarray(properties, { maxLength: Math.min(6, properties.length) });
    return some.chain((chosen) =>
      fc.record(
        Object.fromEntries(
          chosen.map(([name, property]) => [name, this.valueOf(asObject(property), depth + 1)]),
        ),
      ),
    );
  }

  /** A whole request of `operation`. */
  requestOf(operation: Operation): fc.Arbitrary<FuzzRequest> {
    const query = operation.parameters.filter((one) => one.in === "query");
    const body = operation.parameters.find((one) => one.in === "body");
    return fc
      .record({
        version: fc.oneof(
          { weight: 9, arbitrary: fc.constantFrom("", "/v1.51", "/v1.44") },
          { weight: 1, arbitrary: fc.constantFrom("/v1.24", "/v0.1", "/v9.99", "/v1") },
        ),
        name: fc.oneof(
          { weight: 5, arbitrary: fc.constantFrom(...this.#words.names) },
          { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 30 }) },
        ),
        query: fc.tuple(...query.map((one) => this.#queryOf(one.name, one.schema))),
        json: body ? this.#bodyOf(operation.path, body.schema) : fc.constant(undefined),
        damage: bodyDamage(),
        type: fc.oneof(
          { weight: 25, arbitrary: fc.constant("application/json") },
          {
            weight: 1,
            arbitrary: fc.constantFrom(
              "text/plain",
              "",
              "application/x-tar",
              "application/json; x",
            ),
          },
        ),
      })
      .map((parts) => {
        const path = fillPath(operation.path, encodeURIComponent(wellFormed(parts.name)));
        const words = parts.query.filter((word) => word !== undefined).join("&");
        const text = parts.json === undefined ? "" : (JSON.stringify(parts.json) ?? "");
        const bytes = parts.damage(Buffer.from(text));
        return {
          method: operation.method,
          target: `${parts.version}${path}${words === "" ? "" : `?${words}`}`,
          headers: [`Content-Type: ${parts.type}`, `Content-Length: ${bytes.byteLength}`],
          body: bytes,
        };
      });
  }

  #bodyOf(path: string, schema: Yaml): fc.Arbitrary<unknown> {
    const given = this.#words.given[path] ?? {};
    const values = this.valueOf(schema);
    return fc.tuple(values, fc.nat({ max: 9 })).map(([value, chance]) => {
      const isPlain = typeof value === "object" && value !== null && !Array.isArray(value);
      return isPlain && chance > 0 ? { ...value, ...given } : value;
    });
  }

  #queryOf(name: string, schema: Yaml): fc.Arbitrary<string | undefined> {
    const plain = this.#fitting(schema, MAX_DEPTH).map((value) =>
      typeof value === "object" ? "" : `${value as string | number | boolean}`,
    );
    const filters = fc
      .dictionary(
        fc.constantFrom(
          "label",
          "name",
          "id",
          "until",
          "dangling",
          "status",
          "reference",
          "nosuch",
          "__proto__",
        ),
        fc.oneof(
          fc.array(texts(this.#words), { maxLength: 3 }),
          fc.dictionary(texts(this.#words), fc.boolean(), { maxKeys: 2 }),
          this.#misfits,
        ),
        { maxKeys: 3 },
      )
      .map((value) => JSON.stringify(value));
    const value = fc.oneof(
      { weight: 4, arbitrary: name === "filters" ? filters : plain },
      { weight: 1, arbitrary: texts(this.#words) },
      { weight: 1, arbitrary: numbers().map(String) },
    );
    const encoded = value.map((text) => `${name}=${encodeURIComponent(wellFormed(text))}`);
    return fc.option(encoded, { nil: undefined, freq: 1 });
  }
}

function wellFormed(text: string): string {
  return text.toWellFormed();
}

/** Mostly nothing; else what breaks JSON or hides something in it. */
function bodyDamage(): fc.Arbitrary<(body: Buffer) => Uint8Array> {
  const cut = fc.nat({ max: 200 }).map((at) => (body: Buffer) => body.subarray(0, at));
  const flip = fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, byte]) => (body: Buffer) => {
    const copy = Buffer.from(body);
    if (copy.byteLength > 0) copy[at % copy.byteLength] = byte;
    return copy;
  });
  const wrap = fc.constantFrom(
    (body: Buffer) => Buffer.concat([Buffer.from("\ufeff"), body]),
    (body: Buffer) => Buffer.concat([body, Buffer.from("{}")]),
    (body: Buffer) => Buffer.concat([body, Buffer.from("\u0000")]),
    (body: Buffer) =>
      Buffer.concat([Buffer.from('{"Image":5,"Image":"busybox","image":null,'), body.subarray(1)]),
    (body: Buffer) => Buffer.concat([Buffer.from("[".repeat(50_000)), body]),
    () => Buffer.from([0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]),
    () => Buffer.alloc(0),
  );
  return fc.oneof(
    { weight: 25, arbitrary: fc.constant((body: Buffer) => body) },
    { weight: 1, arbitrary: cut },
    { weight: 1, arbitrary: flip },
    { weight: 1, arbitrary: wrap },
  );
}

/** Broken HTTP: heads and bodies that are no request, or not the one that they say. */
export function brokenRequests(): fc.Arbitrary<Uint8Array> {
  const line = fc.oneof(
    fc.constantFrom(
      "GET /_ping HTTP/1.1",
      "POST /containers/create HTTP/1.1",
      "GET /events HTTP/1.0",
    ),
    fc.constantFrom(
      "BREW /_ping HTTP/1.1",
      "GET  /_ping",
      "GET /_ping HTTP/9.9",
      "",
      "\0\0\0",
      "PRI * HTTP/2.0",
    ),
    fc.constantFrom(
      "GET /../../etc/passwd HTTP/1.1",
      "GET //_ping HTTP/1.1",
      "GET /%00%zz HTTP/1.1",
    ),
    fc.string({ unit: "binary", maxLength: 100 }),
    fc.nat({ max: 100_000 }).map((length) => `GET /${"a".repeat(length)} HTTP/1.1`),
  );
  const header = fc.oneof(
    fc.constantFrom("Host: wharf", "Content-Length: 5", "Content-Length: 99999999999999999999"),
    fc.constantFrom(
      "Content-Length: -1",
      "Content-Length: x",
      "Transfer-Encoding: chunked",
      "Upgrade: tcp",
    ),
    fc.constantFrom(
      "Connection: Upgrade",
      "Expect: 100-continue",
      "Host",
      ": x",
      "X: \u0001\u0000",
    ),
    fc.constantFrom(
      "Content-Type: application/json",
      "X-Registry-Auth: %%%",
      `X: ${"y".repeat(70_000)}`,
    ),
  );
  const body = fc.oneof(
    fc.constantFrom(
      "",
      "{}",
      '{"Image"',
      '5\r\n{"a":\r\n0\r\n\r\n',
      "ffffffffffffffff\r\n",
      "-1\r\n",
    ),
    fc.string({ unit: "binary", maxLength: 200 }),
  );
  return fc
    .tuple(line, fc.array(header, { maxLength: 6 }), body)
    .map(([first, headers, rest]) =>
      Buffer.from(`${[first, ...headers].join("\r\n")}\r\n\r\n${rest}`),
    );
}
