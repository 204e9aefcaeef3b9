import { describe, expect, test } from "bun:test";
import { tryCompilePattern } from "./linear-pattern.ts";

const TEXTS = [
  ...[
    "",
    "a",
    "aa",
    "aaa",
    "ab",
    "ba",
    "abc",
    "web",
    "web-1",
    "/web-12",
    "WEB_1",
    "b.c",
    "x y",
    "é",
  ],
  ...["a{2}", "a-b", "]", "^", "\t", "aXb", "db1", "db12", "db123"],
];

describe("tryCompilePattern()", () => {
  test.each([
    ...["", "a", "^a", "a$", "^$", "^a*$", "^a+$", "^a?$", "a|b", "^(a|b)+$", "^(?:ab|a)b?$", "."],
    ...["^.$", "^..$", "web-\\d+$", "^/?web", "[a-c]$", "[^a-z]", "^[]a]$", "[a\\-]b", "^[\\w-]+$"],
    ...["\\bweb\\b", "\\Bb", "^a{2}$", "^a{2,}$", "^a{1,2}$", "^db\\d{1,2}$", "a{2", "^a{,2}$"],
    ...[
      "x\\sy",
      "\\x61",
      "\\t",
      "b\\.c",
      "(^a|b$)",
      "a*?b",
      "(a*)*b",
      "(a|aa)+$",
      "()",
      "^(a?){3}$",
    ],
  ])("finds /%s/ where JavaScript does", (pattern) => {
    const isFound = tryCompilePattern(pattern);
    const reference = new RegExp(pattern.replace("[]a]", "[\\]a]"));
    for (const text of TEXTS) {
      expect(`${text} ${isFound?.(text)}`).toBe(`${text} ${reference.test(text)}`);
    }
  });

  test.each([
    ...[
      "(",
      ")",
      "[",
      "[]",
      "[a",
      "a**",
      "*a",
      "a{3,2}",
      "a{1001}",
      "\\",
      "\\q",
      "\\1",
      "(?=a)",
      "(?i)a",
    ],
    ...["[b-a]", "[[:alpha:]]", "\\x4", "(".repeat(200) + ")".repeat(200), "a".repeat(1025)],
    "((a{100}){100}){100}",
  ])("gives up on %s", (pattern) => {
    expect(tryCompilePattern(pattern)).toBeUndefined();
  });

  test("takes no longer for patterns that JavaScript needs years for", () => {
    const text = `${"a".repeat(200)}-`;
    const startMs = performance.now();
    for (const pattern of [
      `${"[a][a]?".repeat(40)}c`,
      `${"(?:a|aa)".repeat(60)}c`,
      "^(a+)+$",
      `${".*".repeat(100)}c`,
      `${"a?".repeat(100)}${"a".repeat(300)}`,
    ]) {
      expect(tryCompilePattern(pattern)?.(text)).toBe(false);
    }
    expect(performance.now() - startMs).toBeLessThan(2000);
  });
});
