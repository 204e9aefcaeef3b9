import { expect, test } from "bun:test";
import { ignoreFileNames, parseIgnoreFile } from "./ignore-file.ts";
import { PathFilter } from "./path-filter.ts";

test.each<[string, string, boolean]>([
  ["*.txt", "a.txt", true],
  ["*.txt", "d/a.txt", false],
  ["**/*.txt", "a.txt", true],
  ["**/*.txt", "d/e/a.txt", true],
  ["d", "d/e/a.txt", true],
  ["/d/", "d/e", true],
  ["d/**", "d/e/f", true],
  ["d/**", "d", false],
  ["**", "a/b", true],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[a-c]x", "bx", true],
  ["[^a-c]x", "bx", false],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["a.b", "axb", false],
  ["d/../e", "e", true],
  ["*\n!keep", "keep", false],
  ["*\n!keep", "other", true],
  ["d\n!d/keep", "d/keep", false],
  ["d\n!d/keep", "d/other", true],
  ["*\n!d\nd/x", "d/x", true],
  ["*\n!d\nd/x", "d/y", false],
  ["!a\na", "a", true],
  ["# a", "# a", false],
  [" a ", "a", true],
  ["a**b", "ax/yb", false],
  ["(a|b)+", "(a|b)+", true],
])("of %j the path %j is ignored: %p", (text, path, expected) => {
  expect(new PathFilter(parseIgnoreFile(text)).isMatched(path)).toBe(expected);
});

test.each(["[a", "a\\", "[]x]"])("the pattern %j is refused", (text) => {
  expect(() => new PathFilter([text])).toThrow("syntax error in pattern");
});

test("a lone exclamation mark is refused", () => {
  expect(() => new PathFilter(["!"])).toThrow('illegal exclusion pattern: "!"');
});

test("a folder is left out of a walk only where no exception may be below it", () => {
  const filter = new PathFilter(["a", "b", "!a/x/y"]);
  expect(filter.mayExceptBelow("a")).toBe(true);
  expect(filter.mayExceptBelow("a/x")).toBe(true);
  expect(filter.mayExceptBelow("b")).toBe(false);
  expect(new PathFilter(["a", "!**/x"]).mayExceptBelow("a/b")).toBe(true);
});

test("a pattern of many stars against a long path takes a moment only", () => {
  const filter = new PathFilter([`${"**/*a".repeat(50)}/b`]);
  expect(filter.isMatched("a".repeat(4000))).toBe(false);
});

test("a Dockerfile's own ignore file goes first", () => {
  expect(ignoreFileNames("x/Dockerfile")).toEqual(["x/Dockerfile.dockerignore", ".dockerignore"]);
});
