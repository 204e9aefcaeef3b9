import { expect, test } from "bun:test";
import { parseVersion } from "./program.ts";

test("parseVersion() knows crun and runc, and takes any other", () => {
  expect(parseVersion("crun version 1.8.1\ncommit: f8a096b\nrundir: /run/crun\n")).toEqual({
    family: "crun",
    version: "1.8.1",
    commit: "f8a096b",
  });
  expect(parseVersion("runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\n")).toMatchObject({
    family: "runc",
    version: "1.1.5+ds1",
  });
  expect(parseVersion("runsc version release-20240401.0\nspec: 1.1.0-rc.1\n")).toEqual({
    family: "other",
    version: "release-20240401.0",
    commit: "",
  });
});
