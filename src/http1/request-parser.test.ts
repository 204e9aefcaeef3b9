import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RequestParser } from "./request-parser.ts";
import { readRequests } from "./testing/events.ts";

const latin1 = (text: string): Buffer => Buffer.from(text, "latin1");
const read = (text: string): readonly string[] => readRequests([latin1(text)]);

const THREE = [
  "GET /v1.41/containers/json?all=1 HTTP/1.1\r\nHost: x\r\nX-One:  a b \r\nx-one: c\r\n\r\n",
  "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n1\r\n\r\n",
  "PUT /b HTTP/1.0\r\nContent-Length: 0\r\n\r\n",
  'POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: CHUNKED\r\n\r\n3;ext="q"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nX-Trailer: y\r\n\r\n',
  "\r\nHEAD http://h/d HTTP/1.1\r\nHost: x\r\n\r\n",
].join("");

const THREE_READ = [
  "GET /v1.41/containers/json?all=1 1.1 host=x|x-one=a b|x-one=c none",
  "POST /a 1.1 host=x|content-length=5 length",
  "body 1\r\n\r\n",
  "PUT /b 1.0 content-length=0 none",
  "POST /c 1.1 host=x|transfer-encoding=CHUNKED chunked",
  "body abc0123456789",
  "HEAD http://h/d 1.1 host=x none",
];

describe("RequestParser", () => {
  test("reads requests one after the other", () => {
    expect(read(THREE)).toEqual(THREE_READ);
  });

  test("reads the same wherever the bytes are cut", () => {
    const bytes = latin1(THREE);
    for (let at = 1; at < bytes.length; at++) {
      expect(readRequests([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(THREE_READ);
    }
    expect(readRequests([...bytes].map((byte) => Buffer.from([byte])))).toEqual(THREE_READ);
  });

  test("a head that comes again is the same object, and one that differs is not", () => {
    const parser = new RequestParser(4096);
    const next = (text: string): unknown => {
      parser.push(latin1(text));
      const event = parser.next();
      return event?.kind === "head" ? event.head : undefined;
    };
    const [one, other] = ["/a", "/b"].map((path) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    const first = next(one ?? "");
    expect(next(one ?? "")).toBe(first);
    expect(next(other ?? "")).toMatchObject({ target: "/b" });
    expect(next(one ?? "")).toMatchObject({ target: "/a" });
    expect(() => next("GET /a HTTP/1.1\r\n\r\n")).toThrow("missing required Host header");
  });

  const head = (...lines: readonly string[]): string =>
    ["POST / HTTP/1.1", "Host: x", ...lines, "", ""].join("\r\n");

  test.each([
    ["a word", "hello\r\n\r\n", 400],
    ["a method that is none", "G@T / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["two blanks", "GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a tab for a blank", "GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["a control character in the target", "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
    ["no version", "GET /\r\nHost: x\r\n\r\n", 400],
    ["HTTP/2 by name", "GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505],
    ["HTTP/0.9", "GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505],
    ["a version that is none", "GET / HTTP/1.10\r\nHost: x\r\n\r\n", 400],
    ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two hosts", head("Host: y"), 400],
    ["lines that end by LF", "GET / HTTP/1.1\nHost: x\n\n", 400],
    ["one line that ends by LF", "GET / HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 400],
    ["a lone CR in a value", head("A: b\rC: d"), 400],
    ["a blank before the colon", head("Transfer-Encoding : chunked"), 400],
    ["a continued line", head("A: b", " c"), 400],
    ["a continued first line", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400],
    ["a line without colon", head("A"), 400],
    ["an empty name", head(": b"), 400],
    ["a NUL in a value", head("A: b\0"), 400],
    ["both framings", head("Content-Length: 3", "Transfer-Encoding: chunked"), 400],
    ["both, the other way round", head("Transfer-Encoding: chunked", "Content-Length: 3"), 400],
    ["two lengths", head("Content-Length: 2", "Content-Length: 3"), 400],
    ["the same length twice", head("Content-Length: 2", "content-length: 2"), 400],
    ["a list of lengths", head("Content-Length: 2, 2"), 400],
    ["a length with a sign", head("Content-Length: +2"), 400],
    ["a negative length", head("Content-Length: -2"), 400],
    ["a hexadecimal length", head("Content-Length: 0x2"), 400],
    ["no length in the header", head("Content-Length:"), 400],
    ["a length beyond all measure", head("Content-Length: 99999999999999999999"), 400],
    ["another encoding", head("Transfer-Encoding: gzip"), 501],
    ["another encoding before", head("Transfer-Encoding: gzip, chunked"), 501],
    ["chunked twice", head("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), 501],
    ["a misspelt encoding", head("Transfer-Encoding: xchunked"), 501],
    ["an encoding with a tab of another kind", head("Transfer-Encoding: \x0bchunked"), 400],
    [
      "an encoding in HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
      400,
    ],
    ["a head too large", head(`A: ${"a".repeat(1100)}`), 431],
    ["a head too large without end", `GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(1100)}`, 431],
  ])("refuses %s", (_what, text, status) => {
    expect(read(text).join()).toStartWith(`refused ${status}: `);
    // no matter how it comes
    const single = readRequests([...latin1(text)].map((byte) => Buffer.from([byte])));
    expect(single.join()).toStartWith(`refused ${status}: `);
  });

  test("a body is never read as a request", () => {
    const smuggled = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
    expect(read(head(`Content-Length: ${smuggled.length}`) + smuggled)).toEqual([
      `POST / 1.1 host=x|content-length=${smuggled.length} length`,
      `body ${smuggled}`,
    ]);
  });

  test("what is not pulled is left: another protocol may follow a head", () => {
    const parser = new RequestParser(1024);
    parser.push(latin1("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nraw bytes"));
    expect(parser.next()?.kind).toBe("head");
    expect(parser.takeRest().toString()).toBe("raw bytes");
  });

  test("whatever is sent is read the same however it is cut, and refused in one way only", () => {
    const words = fc.constantFrom(
      ...["GET ", "POST ", "/", "a", " ", "HTTP/1.1", "HTTP/1.0", "\r\n", "\r\n\r\n", "\r", "\n"],
      ...["Host: x", "Content-Length: ", "Transfer-Encoding: chunked", "Connection: close", ":"],
      ...["0", "3", "5\r\n", "abc", ";", "\t", "\0", "\xff", "0\r\n\r\n", ","],
    );
    const whole = fc.oneof(
      fc.array(words, { maxLength: 40 }).map((list) => latin1(list.join(""))),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      // a good one with a few bytes changed
      fc
        .array(fc.tuple(fc.nat(THREE.length - 1), fc.nat(255)), { minLength: 1, maxLength: 3 })
        .map((changes) => {
          const bytes = latin1(THREE);
          for (const [at, byte] of changes) bytes[at] = byte;
          return bytes;
        }),
    );
    const property = fc.property(whole, fc.array(fc.nat(400), { maxLength: 8 }), (bytes, cuts) => {
      const at = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])];
      at.sort((left, right) => left - right);
      const pieces = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
      // a part of a head may show a fault that the whole has too, beside another one
      const read = (list: readonly Uint8Array[]): readonly string[] =>
        readRequests(list).map((line) => line.replace(/^refused .*/, "refused"));
      expect(read(pieces)).toEqual(read([bytes]));
    });
    fc.assert(property, { numRuns: 1500, seed: 8 });
  });
});
