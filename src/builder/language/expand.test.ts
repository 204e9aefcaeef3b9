import { expect, test } from "bun:test";
import { ExpansionError, expandToWords, expandWord } from "./expand.ts";

const variables = new Map([
  ["a", "one"],
  ["empty", ""],
  ["path", "/usr/local/lib/lib.so.1"],
  ["two", "x  y"],
]);

function expand(word: string, more: object = {}): string {
  return expandWord(word, { variables, escape: "\\", ...more });
}

test.each([
  ["plain", "plain"],
  ["$a", "one"],
  ["${a}", "one"],
  ["x$a.y", "xone.y"],
  ["$nothing", ""],
  ["\\$a", "$a"],
  ["'$a'", "$a"],
  ['"$a"', "one"],
  ['"a\\"b"', 'a"b'],
  ['"a\\nb"', "a\\nb"],
  ["a\\nb", "anb"],
  ["${a:-x}", "one"],
  ["${empty:-x}", "x"],
  ["${empty-x}", ""],
  ["${nothing-x}", "x"],
  ["${nothing:-${a}}", "one"],
  ["${a:+x}", "x"],
  ["${empty:+x}", ""],
  ["${empty+x}", "x"],
  ["${nothing+x}", ""],
  ["${a:?no}", "one"],
  ["${path#*/}", "usr/local/lib/lib.so.1"],
  ["${path##*/}", "lib.so.1"],
  ["${path%/*}", "/usr/local/lib"],
  ["${path%%/*}", ""],
  ["${path%.?}", "/usr/local/lib/lib.so"],
  ["${path/lib/LIB}", "/usr/local/LIB/lib.so.1"],
  ["${path//lib/LIB}", "/usr/local/LIB/LIB.so.1"],
  ["${path//\\//-}", "-usr-local-lib-lib.so.1"],
  ["$", "$"],
  ["$1x", "x"],
  ["$.", "$."],
  ["${two}", "x  y"],
])("expandWord() makes of %s %s", (word, expected) => {
  expect(expand(word)).toBe(expected);
});

test.each([
  ["${a", "missing '}'"],
  ["${a!b}", "unsupported modifier (!) in substitution"],
  ["${a:#b}", "unsupported modifier (:#) in substitution"],
  ["${nothing:?say it}", "nothing: say it"],
  ["${nothing?}", "nothing: is not allowed to be unset"],
  ["${empty:?}", "empty: is not allowed to be empty"],
  ["'a", "looking for matching single-quote"],
  ['"a', "looking for matching double-quote"],
  ["${a/b}", "missing '/' in ${"],
])("expandWord() refuses %s", (word, message) => {
  expect(() => expand(word)).toThrow(ExpansionError);
  expect(() => expand(word)).toThrow(message);
});

test("expandToWords() splits what variables give, and nothing in quotes", () => {
  const words = (word: string): readonly string[] =>
    expandToWords(word, { variables, escape: "\\" });
  expect(words("$two")).toEqual(["x", "y"]);
  expect(words('"$two" b')).toEqual(["x  y", "b"]);
  expect(words('a "" b')).toEqual(["a", "", "b"]);
});

test("expandWord() keeps quotes in a heredoc's body, and escapes take one character", () => {
  expect(expand(`"$a" '$a' \\$a`, { skipsQuotes: true })).toBe(`"one" 'one' $a`);
});

test("expandWord() keeps what is unset where it is to", () => {
  expect(expand("$nothing ${nothing} ${nothing:-x} $a", { keepsUnset: true })).toBe(
    "$nothing ${nothing} ${nothing:-x} one",
  );
});

test("expandWord() knows the backtick as escape character", () => {
  expect(expand("C:\\x`$a$a", { escape: "`" })).toBe("C:\\x$aone");
});

test("a replacement in a value that would take for ever is refused", () => {
  const long = new Map([["x", "a".repeat(60_000)]]);
  expect(() => expandWord("${x//*a*b/c}", { variables: long, escape: "\\" })).toThrow("too long");
});
