import { describe, expect, test } from "bun:test";
import { formatGoDuration, formatHumanDuration, parseGoDuration } from "./durations.ts";
import { matchesGlob } from "./glob.ts";
import { formatExponent, formatGeneral, quoteGo } from "./go-number.ts";
import { isIpAddress, isIpv4, isIpv6, isMacAddress } from "./ip-address.ts";
import { editDistance, nearestWord, nearestWords } from "./nearest.ts";
import { cleanPath } from "./posix-path.ts";
import { randomName } from "./random-names.ts";
import {
  formatRfc3339,
  formatRfc3339Date,
  formatRfc3339Fixed,
  parseRfc3339,
  tryParseRfc3339,
} from "./rfc3339.ts";
import { formatBinarySize, formatDecimalSize, parseBinarySize, parseDecimalSize } from "./sizes.ts";
import { compareNaturally, ellipsize, formatTable, formatTabbed } from "./tables.ts";

describe("sizes", () => {
  test("formatDecimalSize() rounds to significant digits like go-units", () => {
    const cases: readonly (readonly [number, string, string])[] = [
      [0, "0B", "0B"],
      [1234, "1.23kB", "1.234kB"],
      [7_800_000, "7.8MB", "7.8MB"],
      [187_654_321, "188MB", "187.7MB"],
      [1000, "1kB", "1kB"],
      [999.96, "1e+03B", "1000B"],
    ];
    for (const [bytes, three, four] of cases) {
      expect(formatDecimalSize(bytes, 3)).toBe(three);
      expect(formatDecimalSize(bytes)).toBe(four);
    }
  });

  test("formatBinarySize() uses powers of 1024", () => {
    expect(formatBinarySize(1_048_576)).toBe("1MiB");
    expect(formatBinarySize(8_233_574_400)).toBe("7.668GiB");
  });

  test("parseBinarySize() takes every spelling of the suffix", () => {
    const cases: Readonly<Record<string, number>> = {
      "32": 32,
      "32b": 32,
      "32k": 32_768,
      "32K": 32_768,
      "32KB": 32_768,
      "32KiB": 32_768,
      "1.5g": 1_610_612_736,
      "512m": 536_870_912,
      "64 mb": 67_108_864,
      ".5k": 512,
      "1t": 2 ** 40,
      "0": 0,
    };
    for (const [text, bytes] of Object.entries(cases)) expect(parseBinarySize(text)).toBe(bytes);
    expect(parseDecimalSize("1.5kB")).toBe(1500);
  });

  test("parseBinarySize() refuses with Docker's words", () => {
    for (const text of ["", "x", "-1", "1.2.3m", "1e5", "hello", "1  k"]) {
      expect(() => parseBinarySize(text)).toThrow(`invalid size: '${text}'`);
    }
    for (const [text, suffix] of [
      ["1x", "x"],
      ["1mm", "mm"],
      ["1bb", "bb"],
      ["1kibb", "kibb"],
    ]) {
      expect(() => parseBinarySize(text ?? "")).toThrow(`invalid suffix: '${suffix}'`);
    }
  });
});

describe("durations", () => {
  test("parseGoDuration() and formatGoDuration() agree with Go", () => {
    const cases: Readonly<Record<string, readonly [number, string]>> = {
      "0": [0, "0s"],
      "1h": [3.6e12, "1h0m0s"],
      "1h15m30.918s": [4_530_918_000_000, "1h15m30.918s"],
      "-1.5h": [-5.4e12, "-1h30m0s"],
      "100ms": [1e8, "100ms"],
      "1.5us": [1500, "1.5µs"],
      "7ns": [7, "7ns"],
      ".5s": [5e8, "500ms"],
      "+90s": [9e10, "1m30s"],
    };
    for (const [text, [nanoseconds, formatted]] of Object.entries(cases)) {
      expect(parseGoDuration(text)).toBe(nanoseconds);
      expect(formatGoDuration(nanoseconds)).toBe(formatted);
    }
  });

  test("parseGoDuration() refuses with Go's words", () => {
    expect(() => parseGoDuration("")).toThrow('time: invalid duration ""');
    expect(() => parseGoDuration("1")).toThrow('time: missing unit in duration "1"');
    expect(() => parseGoDuration("1x")).toThrow('time: unknown unit "x" in duration "1x"');
    expect(() => parseGoDuration("h")).toThrow('time: invalid duration "h"');
    expect(() => parseGoDuration("9999999999h")).toThrow("time: invalid duration");
  });

  test("formatHumanDuration() uses Docker's words", () => {
    const hour = 3_600_000;
    const cases: readonly (readonly [number, string])[] = [
      [0, "Less than a second"],
      [1000, "1 second"],
      [59_000, "59 seconds"],
      [60_000, "About a minute"],
      [119_000, "About a minute"],
      [45 * 60_000, "45 minutes"],
      [hour, "About an hour"],
      [3 * hour, "3 hours"],
      [47 * hour, "47 hours"],
      [48 * hour, "2 days"],
      [14 * 24 * hour, "2 weeks"],
      [60 * 24 * hour, "2 months"],
      [365 * 24 * hour, "12 months"],
      [2 * 365 * 24 * hour, "2 years"],
    ];
    for (const [milliseconds, text] of cases) expect(formatHumanDuration(milliseconds)).toBe(text);
  });
});

describe("RFC 3339", () => {
  test("formats with as many fraction digits as needed", () => {
    expect(formatRfc3339(1_136_214_245_000_000_000n)).toBe("2006-01-02T15:04:05Z");
    expect(formatRfc3339(1_136_214_245_120_000_001n)).toBe("2006-01-02T15:04:05.120000001Z");
    expect(formatRfc3339(1_136_214_245_500_000_000n)).toBe("2006-01-02T15:04:05.5Z");
    expect(formatRfc3339Fixed(1_136_214_245_500_000_000n)).toBe("2006-01-02T15:04:05.500000000Z");
    expect(formatRfc3339(-62_135_596_800_000_000_000n)).toBe("0001-01-01T00:00:00Z");
    expect(formatRfc3339(-1n)).toBe("1969-12-31T23:59:59.999999999Z");
    expect(formatRfc3339Date(new Date(1500))).toBe("1970-01-01T00:00:01.5Z");
  });

  test("reads back what it wrote, and zones", () => {
    for (const nanoseconds of [0n, 1n, -1n, 1_700_000_000_123_456_789n]) {
      expect(parseRfc3339(formatRfc3339(nanoseconds))).toBe(nanoseconds);
    }
    expect(parseRfc3339("2006-01-02T15:04:05+07:00")).toBe(parseRfc3339("2006-01-02T08:04:05Z"));
    for (const text of [
      "",
      "2006-01-02",
      "2006-13-02T00:00:00Z",
      "2006-02-30T00:00:00Z",
      "2006-01-02T24:00:00Z",
      "x",
    ]) {
      expect(tryParseRfc3339(text)).toBeUndefined();
    }
    expect(() => parseRfc3339("x")).toThrow("want RFC 3339");
  });
});

describe("tables", () => {
  test("formatTable() pads to 10 columns or the longest cell and 3", () => {
    expect(
      formatTable(
        ["ID", "LONG HEADER NAME", "LAST"],
        [
          ["abc", "x", "y"],
          ["a-very-long-id", "", ""],
        ],
      ),
    ).toBe(
      "ID               LONG HEADER NAME   LAST\nabc              x                  y\na-very-long-id                      \n",
    );
    expect(formatTable(["A", "B"], [])).toBe("A         B\n");
    expect(formatTable(["A", "B"], [["x\ny", "a\tb"]])).toBe("A         B\nx y       a b\n");
  });

  test("formatTabbed() begins new columns after a line without tabs", () => {
    expect(formatTabbed("a\tb\nlong line without tabs\nccccccccccccc\td\n")).toBe(
      "a         b\nlong line without tabs\nccccccccccccc   d\n",
    );
    expect(formatTabbed("é\tb")).toBe("é         b");
  });

  test("ellipsize() counts wide characters twice", () => {
    expect(ellipsize("hello world", 8)).toBe("hello w…");
    expect(ellipsize("hello", 5)).toBe("hello");
    expect(ellipsize("日本語テキスト", 7)).toBe("日本語…");
    expect(ellipsize("abc", 0)).toBe("");
  });

  test("compareNaturally() puts a2 before a10", () => {
    expect(["a10", "a2", "a", "b1", "a02"].sort(compareNaturally)).toEqual([
      "a",
      "a2",
      "a02",
      "a10",
      "b1",
    ]);
  });
});

describe("words", () => {
  test("nearestWord() finds typos and refuses strangers", () => {
    const commands = ["run", "ps", "pull", "push", "inspect", "images", "rm", "rmi"];
    expect(nearestWord("inpsect", commands)).toBe("inspect");
    expect(nearestWord("pul", commands)).toBe("pull");
    expect(nearestWord("rnu", commands)).toBe("run");
    expect(nearestWord("xyzzy", commands)).toBeUndefined();
    expect(nearestWords("im", commands)).toContain("images");
    expect(nearestWords("x".repeat(100_000), commands)).toEqual([]);
    expect(editDistance("kitten", "sitting", 5)).toBe(3);
    expect(editDistance("abcdef", "zzzzzz", 2)).toBe(3);
  });

  test("randomName() has Docker's shape", () => {
    for (let step = 0; step < 1000; step++) {
      expect(randomName(() => step / 1000)).toMatch(/^[a-z]+_[a-z]+$/);
    }
    expect(randomName(() => 0.5, 1)).toMatch(/^[a-z]+_[a-z]+5$/);
  });
});

describe("matchesGlob()", () => {
  test("agrees with Go's path.Match", () => {
    const cases: readonly (readonly [string, string, boolean])[] = [
      ["abc", "abc", true],
      ["*", "abc", true],
      ["*c", "abc", true],
      ["a*", "a", true],
      ["a*", "ab/c", false],
      ["a*/b", "abc/b", true],
      ["a*b*c*d*e*/f", "axbxcxdxe/f", true],
      ["a*b*c*d*e*/f", "axbxcxdxexxx/fff", false],
      ["a*b?c*x", "abxbbxdbxebxczzx", true],
      ["a*b?c*x", "abxbbxdbxebxczzy", false],
      ["ab[c]", "abc", true],
      ["ab[b-d]", "abc", true],
      ["ab[e-g]", "abc", false],
      ["ab[^c]", "abc", false],
      ["ab[^e-g]", "abc", true],
      ["a\\*b", "a*b", true],
      ["a\\*b", "ab", false],
      ["a?b", "a☺b", true],
      ["a[^a]b", "a☺b", true],
      ["a???b", "a☺b", false],
      ["[a-ζ]*", "α", true],
      ["*[a-ζ]", "A", false],
      ["a?b", "a/b", false],
      ["a*b", "a/b", false],
      ["[\\]a]", "]", true],
      ["*x", "xxx", true],
      ["", "", true],
      ["", "a", false],
      ["**", "a", true],
    ];
    for (const [pattern, text, expected] of cases) {
      expect([pattern, text, matchesGlob(pattern, text)]).toEqual([pattern, text, expected]);
    }
    for (const pattern of ["[", "[]a]", "[-]", "[x-]", "[a-b-c]", "[^", "a[", "\\"]) {
      expect(() => matchesGlob(pattern, "a")).toThrow("syntax error in pattern");
    }
  });

  test("stays fast with many stars", () => {
    expect(matchesGlob(`${"*a".repeat(2000)}b`, "a".repeat(5000))).toBe(false);
  });
});

test("addresses are told from names", () => {
  for (const text of ["1.2.3.4", "0.0.0.0", "255.255.255.255"]) expect(isIpv4(text)).toBe(true);
  for (const text of ["1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "", "a.b.c.d"])
    expect(isIpv4(text)).toBe(false);
  for (const text of ["::", "::1", "fe80::1%eth0", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::8"])
    expect(isIpv6(text)).toBe(true);
  for (const text of [
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "12345::",
    "1.2.3.4",
    "",
    "::1%",
    "1:2:3:4:5:6:7::8",
  ]) {
    expect(isIpv6(text)).toBe(false);
  }
  expect(isIpAddress("host")).toBe(false);
  expect(isMacAddress("02:42:ac:11:00:02")).toBe(true);
  for (const text of ["02:42:ac:11:00", "02:42-ac:11:00:02", "zz:42:ac:11:00:02"])
    expect(isMacAddress(text)).toBe(false);
});

test("cleanPath() agrees with Go's path.Clean", () => {
  const cases: Readonly<Record<string, string>> = {
    "": ".",
    abc: "abc",
    "a/b/c": "a/b/c",
    "/": "/",
    "/abc/": "/abc",
    "a//b": "a/b",
    "./a": "a",
    "a/../../b": "../b",
    "/../a": "/a",
    "..": "..",
    "../..": "../..",
    "a/..": ".",
    "/a/b/../..": "/",
  };
  for (const [path, clean] of Object.entries(cases)) expect(cleanPath(path)).toBe(clean);
});

test("numbers and strings are written as in Go", () => {
  expect(
    [0, 1, 1.5, 1e20, 1e21, 1e-5, 123456789, -0.25].map((value) => formatGeneral(value)),
  ).toEqual(["0", "1", "1.5", "100000000000000000000", "1e+21", "1e-05", "123456789", "-0.25"]);
  expect(formatExponent(1234.5678, 2)).toBe("1.23e+03");
  expect(formatGeneral(Number.NaN) + formatGeneral(Number.POSITIVE_INFINITY)).toBe("NaN+Inf");
  expect(quoteGo('a"\\\n\x00é\u200b😀\u00a0')).toBe('"a\\"\\\\\\n\\x00é\\u200b😀\\u00a0"');
});
