import { expect, test } from "bun:test";
import { addressOfReverseName, encodeName, foldCase, textOfKey } from "./name.ts";

test("encodeName() and textOfKey() undo each other", () => {
  for (const name of ["web", "web.net", "bücher.net", "a".repeat(63)]) {
    expect(textOfKey(encodeName(`${name}.`)?.toString("latin1") ?? "")).toBe(name);
  }
});

test.each(["", ".", "a..b", "a".repeat(64), "a.".repeat(128)])(
  "encodeName() refuses %j",
  (name) => {
    expect(encodeName(name)).toBeUndefined();
  },
);

test("textOfKey() has no text for a dot within a label", () => {
  expect(textOfKey("\u0003a.b\0")).toBeUndefined();
});

test("foldCase() folds ASCII alone", () => {
  expect(foldCase("WEB.Ä")).toBe("web.Ä");
});

test("addressOfReverseName() reads both families", () => {
  expect(addressOfReverseName("4.3.2.1.in-addr.arpa")).toBe("1.2.3.4");
  expect(addressOfReverseName(`${"1.".repeat(32)}ip6.arpa`)).toBe(
    Array.from({ length: 8 }, () => "1111").join(":"),
  );
  for (const name of ["3.2.1.in-addr.arpa", "x.3.2.1.in-addr.arpa", "1.ip6.arpa", "web"]) {
    expect(addressOfReverseName(name)).toBeUndefined();
  }
});
