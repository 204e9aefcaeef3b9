import { describe, expect, test } from "bun:test";
import { resolveUser } from "./user.ts";

const files = {
  passwd:
    "root:x:0:0:root:/root:/bin/sh\nwww:x:33:33::/var/www:/bin/false\nbroken line\n1000:x:77:78::/num:/x\n",
  group: "root:x:0:\nwww:x:33:\ntty:x:5:www,root\n",
};

describe("resolveUser()", () => {
  test.each([
    ["", { uid: 0, gid: 0, additionalGids: [5], home: "/root" }],
    ["www", { uid: 33, gid: 33, additionalGids: [5], home: "/var/www" }],
    ["www:root", { uid: 33, gid: 0, additionalGids: [], home: "/var/www" }],
    ["33", { uid: 33, gid: 33, additionalGids: [5], home: "/var/www" }],
    ["4711", { uid: 4711, gid: 0, additionalGids: [], home: "/" }],
    ["4711:4712", { uid: 4711, gid: 4712, additionalGids: [], home: "/" }],
    // A name of digits wins over the number, as useradd allows both.
    ["1000", { uid: 77, gid: 78, additionalGids: [], home: "/num" }],
  ])("resolves %p by the image's files", (text, want) => {
    expect(resolveUser(text, [], files)).toEqual(want);
  });

  test("adds groups by name and number once", () => {
    expect(resolveUser("www", ["tty", "9", "5"], files).additionalGids).toEqual([5, 9]);
  });

  test("names what it does not find", () => {
    expect(() => resolveUser("nosuch", [], files)).toThrow(
      "unable to find user nosuch: no matching entries in passwd file",
    );
    expect(() => resolveUser("www:nosuch", [], files)).toThrow(
      "unable to find group nosuch: no matching entries in group file",
    );
    expect(() => resolveUser("4294967296", [], files)).toThrow("must be in range");
  });

  test("falls back to root's number where the image has no files", () => {
    expect(resolveUser("", [], { passwd: "", group: "" })).toEqual({
      uid: 0,
      gid: 0,
      additionalGids: [],
      home: "/",
    });
  });
});
