import { expect, test } from "bun:test";
import { messageOf } from "#base/errors.ts";
import { decodeText } from "./decode-text.ts";

test("decodeText() reads UTF-8 and both kinds of UTF-16, with and without a mark", () => {
  const text = "name: café 🚀\n";
  const little = Buffer.from(`\ufeff${text}`, "utf16le");
  for (const bytes of [Buffer.from(text), Buffer.from(`\ufeff${text}`), little]) {
    expect(decodeText(bytes, "a.yaml")).toBe(text);
  }
  expect(decodeText(Buffer.from(little).swap16(), "a.yaml")).toBe(text);
});

test.each([
  ["Latin-1", Buffer.from("a: 1\nb: caf\xe9\n", "latin1"), "2:7: not valid YAML: not UTF-8"],
  ["a character cut off", Buffer.from("a: é").subarray(0, 4), "1:4: not valid YAML: not UTF-8"],
  ["a fault behind others", Buffer.from("é: é\n\xff", "latin1"), "1:1: not valid YAML: not UTF-8"],
  [
    "a control character",
    Buffer.from("a: 1\nb: \x1b[31m\n"),
    "2:4: not valid YAML: control characters are not allowed: \\x1b",
  ],
])("decodeText() points at %s", (_kind, bytes, said) => {
  let message = "";
  try {
    decodeText(bytes, "/x/a.yaml");
  } catch (error) {
    message = messageOf(error);
  }
  expect(message).toBe(`/x/a.yaml:${said}`);
});
