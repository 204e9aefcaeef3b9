import { expect, test } from "bun:test";
import { parseSearchTerm } from "./search-term.ts";

test("parseSearchTerm() takes a first part with a dot, a colon or the word localhost as a registry", () => {
  const split = (term: string): string => {
    const { domain, text } = parseSearchTerm(term);
    return `${domain} ${text}`;
  };
  expect(
    [
      "nginx",
      "library/nginx",
      "a/b",
      "localhost/a/b",
      "r.io/a",
      "[::1]:5000/",
      "docker.io/library/a",
    ].map(split),
  ).toEqual([
    "docker.io nginx",
    "docker.io nginx",
    "docker.io a/b",
    "localhost a/b",
    "r.io a",
    "[::1]:5000 ",
    "docker.io a",
  ]);
});
