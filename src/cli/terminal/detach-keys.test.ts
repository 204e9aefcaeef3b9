import { expect, test } from "bun:test";
import { DetachKeyFilter, defaultDetachKeys, parseDetachKeys } from "./detach-keys.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

test("parseDetachKeys() reads docker's notation", () => {
  expect([...parseDetachKeys(defaultDetachKeys)]).toEqual([16, 17]);
  expect([...parseDetachKeys("ctrl-@,a,ctrl-],ctrl-_")]).toEqual([0, 97, 29, 31]);
  for (const bad of ["ctrl-", "ctrl-!", "shift-a", "ab", ""]) {
    expect(() => parseDetachKeys(bad)).toThrow(`invalid detach keys (${bad}) provided`);
  }
});

test("DetachKeyFilter holds the beginning of the sequence back until it is none", () => {
  const filter = new DetachKeyFilter(parseDetachKeys(defaultDetachKeys));
  const push = (typed: string): string => {
    const { bytes, isDetached } = filter.push(Buffer.from(typed, "latin1"));
    return text(bytes) + (isDetached ? "!" : "");
  };
  expect(push("ab")).toBe("ab");
  expect(push("\x10")).toBe("");
  expect(push("x")).toBe("\x10x");
  expect(push("\x10\x10")).toBe("\x10");
  expect(push("y\x10\x11z")).toBe("\x10y!");
});

test("DetachKeyFilter without keys passes everything", () => {
  const filter = new DetachKeyFilter(new Uint8Array());
  expect(text(filter.push(Buffer.from("\x10\x11")).bytes)).toBe("\x10\x11");
});
