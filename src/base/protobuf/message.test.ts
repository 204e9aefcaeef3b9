import { expect, test } from "bun:test";
import { InvalidArgumentError } from "#base/errors.ts";
import {
  bigInteger,
  bytes,
  embedded,
  flag,
  integer,
  many,
  type Message,
  message,
  text,
  textMap,
  texts,
} from "./message.ts";

interface Inner {
  readonly name: string;
}
const INNER: Message<Inner> = message({ name: text(1) });

interface Outer {
  readonly size: number;
  readonly nanos: bigint;
  readonly isSet: boolean;
  readonly data: Uint8Array;
  readonly inner: Inner | undefined;
  readonly list: readonly Inner[];
  readonly words: readonly string[];
  readonly map: ReadonlyMap<string, string>;
}
const OUTER: Message<Outer> = message({
  size: integer(1),
  nanos: bigInteger(2),
  isSet: flag(3),
  data: bytes(4),
  inner: embedded(5, INNER),
  list: many(6, INNER),
  words: texts(7),
  map: textMap(8),
});

test("message() gives back what it wrote, and zero values for the rest", () => {
  const value: Outer = {
    size: -1,
    nanos: 1_763_800_000_123_456_789n,
    isSet: true,
    data: Buffer.from([0, 255]),
    inner: { name: "ä" },
    list: [{ name: "a" }, { name: "" }],
    words: ["x", ""],
    map: new Map([["k", "v"]]),
  };
  expect(OUTER.decode(OUTER.encode(value))).toEqual(value);
  expect(OUTER.encode({}).byteLength).toBe(0);
  expect(OUTER.decode(OUTER.encode({ size: 2 ** 40 })).size).toBe(2 ** 40);
  expect(OUTER.decode(new Uint8Array()).inner).toBeUndefined();
});

test("message() writes the bytes of the specification's examples", () => {
  // protobuf.dev, "Encoding": field 1 with 150, field 2 with "testing"
  expect(Buffer.from(OUTER.encode({ size: 150 })).toString("hex")).toBe("089601");
  const named: Message<{ readonly name: string }> = message({ name: text(2) });
  expect(Buffer.from(named.encode({ name: "testing" })).toString("hex")).toBe("120774657374696e67");
});

test("decode() skips fields that it does not know, and refuses what is no message", () => {
  const unknown = Buffer.from("50ff0158017dffffffff99030000000000000000", "hex");
  expect(INNER.decode(Buffer.concat([unknown, INNER.encode({ name: "n" })]))).toEqual({
    name: "n",
  });
  for (const hex of ["0a05", "08", "0b", "00", "ffffffffffffffffffffff01", "0801", "0aff"]) {
    expect(() => INNER.decode(Buffer.from(hex, "hex"))).toThrow(InvalidArgumentError);
  }
});

test("decode() throws nothing else, whatever the bytes", () => {
  let seed = 1;
  for (let round = 0; round < 2000; round++) {
    const random = Uint8Array.from({ length: round % 40 }, () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed >> 16;
    });
    try {
      OUTER.decode(random);
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidArgumentError);
    }
  }
});
