import { expect, test } from "bun:test";
import { findNamedContext, hasNamedContext } from "./named-contexts.ts";

const contexts = new Map([
  ["base", "docker-image://any"],
  ["base::linux/arm64", "input:base::linux/arm64"],
  ["only::linux/amd64", "input:only::linux/amd64"],
]);
const amd64 = { os: "linux", architecture: "amd64" };
const arm64 = { os: "linux", architecture: "arm64", variant: "v8" };

test("a platform's own context comes before that for all", () => {
  expect(findNamedContext(contexts, "base", arm64)).toBe("input:base::linux/arm64");
  expect(findNamedContext(contexts, "base", amd64)).toBe("docker-image://any");
});

test("a context of one platform is none of another", () => {
  expect(findNamedContext(contexts, "only", amd64)).toBe("input:only::linux/amd64");
  expect(findNamedContext(contexts, "only", arm64)).toBeUndefined();
  expect(findNamedContext(contexts, "other", amd64)).toBeUndefined();
});

test("a name is that of a context on any platform", () => {
  expect(hasNamedContext(contexts, "only")).toBe(true);
  expect(hasNamedContext(contexts, "onl")).toBe(false);
});
