import { expect, test } from "bun:test";
import { parseGitReference } from "./git-reference.ts";

const HEAD = { ref: "HEAD", path: "" };

test.each([
  ["https://host/a/b.git", { remote: "https://host/a/b.git", ...HEAD }],
  ["https://host/b.git#v1", { remote: "https://host/b.git", ref: "v1", path: "" }],
  ["https://host/b.git#:sub", { remote: "https://host/b.git", ref: "HEAD", path: "sub" }],
  ["git@host:a/b#main:c/d.yaml", { remote: "git@host:a/b", ref: "main", path: "c/d.yaml" }],
  ["ssh://git@host/b#v1", { remote: "ssh://git@host/b", ref: "v1", path: "" }],
  ["git://host:9418/b", { remote: "git://host:9418/b", ...HEAD }],
  ["github.com/owner/b#v1", { remote: "https://github.com/owner/b", ref: "v1", path: "" }],
])("parseGitReference() reads %s", (text, expected) => {
  expect(parseGitReference(text)).toEqual(expected);
});

test.each([
  "compose.yaml",
  "../a.git",
  "/srv/a.git",
  "https://host/compose.yaml",
  "https://-oProxyCommand=x/a.git",
  "ssh://-oProxyCommand=x/a.git",
  "git@-oProxyCommand=x:a",
  "ext::sh -c x",
  "file:///srv/a.git",
  "oci://host/app",
])("parseGitReference() leaves %s alone", (text) => {
  expect(parseGitReference(text)).toBeUndefined();
});
