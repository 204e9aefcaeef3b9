import { describe, expect, test } from "bun:test";
import { JsonReader } from "./json-reader.ts";
import { parseJson, stringifyJson, stringifyJsonHtml } from "./json.ts";

describe("parseJson()", () => {
  test("words syntax errors like Go", () => {
    const cases: Readonly<Record<string, string>> = {
      "": "unexpected end of JSON input",
      "{": "unexpected end of JSON input",
      '{"a"': "unexpected end of JSON input",
      '{"a":nope}': "invalid character 'o' in literal null (expecting 'u')",
      "{}x": "invalid character 'x' after top-level value",
      "{a}": "invalid character 'a' looking for beginning of object key string",
      "[1 2]": "invalid character '2' after array element",
      '{"a" 1}': "invalid character '1' after object key",
      '{"a":1 "b"}': "invalid character '\"' after object key:value pair",
      x: "invalid character 'x' looking for beginning of value",
      '"a\nb"': "invalid character '\\n' in string literal",
      '"\\x"': "invalid character 'x' in string escape code",
      "-x": "invalid character 'x' in numeric literal",
      "1.x": "invalid character 'x' after decimal point in numeric literal",
      "1ex": "invalid character 'x' in exponent of numeric literal",
      "'a'": "invalid character '\\'' looking for beginning of value",
      '"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    };
    for (const [text, message] of Object.entries(cases))
      expect(() => parseJson(text)).toThrow(message);
  });

  test("refuses depth and length before it builds anything", () => {
    expect(() => parseJson("[".repeat(1_000_000))).toThrow("exceeded max depth");
    expect(() => parseJson('{"a":'.repeat(1000))).toThrow("exceeded max depth");
    expect(parseJson(JSON.stringify("[[[[".repeat(1000)))).toBe("[[[[".repeat(1000));
    expect(() => parseJson("1234", { maxLength: 3 })).toThrow("over the limit of 3");
    expect(parseJson('"\\"[["', { maxDepth: 1 })).toBe('"[[');
  });
});

test("stringifyJson() escapes what Go escapes", () => {
  expect(stringifyJson({ b: "<&>\u2028", a: [1, { z: 1, y: 2 }] }, { sortKeys: true })).toBe(
    '{"a":[1,{"y":2,"z":1}],"b":"<&>\\u2028"}',
  );
  expect(stringifyJsonHtml("<&>")).toBe('"\\u003c\\u0026\\u003e"');
  expect(stringifyJson(undefined)).toBe("null");
});

describe("JsonReader", () => {
  const reader = JsonReader.of(
    {
      Image: "a",
      cmd: ["x", null],
      Nothing: null,
      Host: { Memory: 1.5, Big: 1e30, Small: -1, Map: { k: 5 } },
    },
    { prefix: "invalid JSON: " },
  );

  test("matches keys whatever their case, and takes null for missing", () => {
    expect(reader.string("image")).toBe("a");
    expect(reader.strings("Cmd")).toEqual(["x", ""]);
    expect(reader.string("Nothing")).toBeUndefined();
    expect(reader.stringOrStrings("Image")).toEqual(["a"]);
  });

  test("names the path and type of what is wrong", () => {
    const host = reader.object("Host");
    const unmarshal = "invalid JSON: json: cannot unmarshal";
    expect(() => reader.boolean("Image")).toThrow(
      `${unmarshal} string into Go struct field .Image of type bool`,
    );
    expect(() => host?.integer("Memory")).toThrow(
      `${unmarshal} number 1.5 into Go struct field .Host.Memory of type int64`,
    );
    expect(() => host?.integer("Big")).toThrow("number 1e+30");
    expect(() => host?.integer("Small", "uint16")).toThrow(".Host.Small of type uint16");
    expect(() => host?.stringMap("Map")).toThrow(
      "number into Go struct field .Host.Map.k of type string",
    );
    expect(() => reader.object("Image")).toThrow(".Image of type struct");
    expect(() => JsonReader.of([], { goType: "container.CreateRequest" })).toThrow(
      "json: cannot unmarshal array into Go value of type container.CreateRequest",
    );
  });

  test("is not fooled by what objects inherit, nor by many items", () => {
    const hostile = JsonReader.of(
      parseJson('{"__proto__":{"Image":"x"},"Labels":{"__proto__":"y"}}'),
      { maxItems: 2 },
    );
    expect(hostile.string("Image")).toBeUndefined();
    expect(hostile.raw("constructor")).toBeUndefined();
    expect(Object.entries(hostile.stringMap("Labels") ?? {})).toEqual([["__proto__", "y"]]);
    expect(() => JsonReader.of({ a: [1, 2, 3] }, { maxItems: 2 }).array("a", "[]int")).toThrow(
      "3 entries",
    );
  });
});
