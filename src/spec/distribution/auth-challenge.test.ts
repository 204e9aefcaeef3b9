import { expect, test } from "bun:test";
import { parseAuthChallenges } from "./auth-challenge.ts";

/** Plain data of what was read. */
function read(header: string): unknown {
  return parseAuthChallenges(header).map(({ scheme, parameters }) => [
    scheme,
    Object.fromEntries(parameters),
  ]);
}

test("parseAuthChallenges() reads Docker Hub's", () => {
  const header =
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull,push"';
  expect(read(header)).toEqual([
    [
      "bearer",
      {
        realm: "https://auth.docker.io/token",
        service: "registry.docker.io",
        scope: "repository:library/nginx:pull,push",
      },
    ],
  ]);
});

test("parseAuthChallenges() reads several in one header, with and without quotes", () => {
  expect(read('Basic realm="a \\"b\\", c", Bearer Realm=https://x/t , service=s')).toEqual([
    ["basic", { realm: 'a "b", c' }],
    ["bearer", { realm: "https://x/t", service: "s" }],
  ]);
  expect(read("Negotiate, Basic")).toEqual([
    ["negotiate", {}],
    ["basic", {}],
  ]);
});

test.each(["", ",", '"', "=", 'Bearer realm="unfinished'])(
  "parseAuthChallenges() takes %j for what it is",
  (header) => {
    expect(parseAuthChallenges(header).flatMap(({ parameters }) => [...parameters])).toEqual([]);
  },
);

test("parseAuthChallenges() does not take long on a hostile header", () => {
  parseAuthChallenges(`Bearer ${'a="'.repeat(1_000_000)}`);
  parseAuthChallenges(`${" ".repeat(1_000_000)}x`);
});
