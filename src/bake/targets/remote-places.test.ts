import { expect, test } from "bun:test";
import { builtFields, shownFields } from "./remote-places.ts";

const tree = { url: "https://host/a.git#main:sub", folder: "/cache/c0/sub" };
const built = (fields: Parameters<typeof builtFields>[0]): ReturnType<typeof builtFields> =>
  builtFields(fields, tree, "/here");

test.each([
  [{}, { context: tree.url, dockerfile: "Dockerfile" }],
  [{ context: "/" }, { context: tree.url, dockerfile: "Dockerfile" }],
  [
    { context: "web" },
    { context: "/cache/c0/sub/web", dockerfile: "/cache/c0/sub/web/Dockerfile" },
  ],
  [
    { context: "../../etc", dockerfile: "../../passwd" },
    { context: "/cache/c0/sub/etc", dockerfile: "/cache/c0/sub/etc/passwd" },
  ],
  [
    { context: "web", dockerfile: "cwd://mine" },
    { context: "/cache/c0/sub/web", dockerfile: "/here/mine" },
  ],
  [
    { context: "cwd://web", dockerfile: "cwd://web/mine" },
    { context: "web", dockerfile: "/here/web/mine" },
  ],
  [
    { context: "https://host/b.git", dockerfile: "D" },
    { context: "https://host/b.git", dockerfile: "D" },
  ],
])("a target of a remote definition is built from its places: %j", (fields, expected) => {
  expect(built(fields)).toEqual(expected);
});

test("named contexts are in the repository, but for those that are no paths", () => {
  const contexts = { a: "lib", b: "cwd://lib", c: "target:x", d: "docker-image://x", e: "." };
  expect(built({ contexts }).contexts).toEqual({
    ...contexts,
    a: "/cache/c0/sub/lib",
    e: tree.url,
  });
});

test("a Dockerfile there for files here, and images in folders, are refused", () => {
  expect(() => built({ context: "cwd://." })).toThrow("reading a dockerfile for a remote build");
  expect(() => built({ contexts: { a: "oci-layout://lib" } })).toThrow("oci-layout://lib");
});

test("what is shown names the repository, and paths as they are written", () => {
  expect(shownFields({ context: "." }, tree)).toEqual({ context: tree.url });
  expect(shownFields({ context: "cwd://web", dockerfile: "cwd://d" }, tree)).toEqual({
    context: "web",
    dockerfile: "cwd://d",
  });
  expect(shownFields({ context: "web" }, tree)).toEqual({ context: "web" });
});
