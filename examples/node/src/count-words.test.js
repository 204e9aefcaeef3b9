import assert from "node:assert/strict";
import { test } from "node:test";
import { countWords } from "./count-words.js";

test("words are what white space parts", () => {
  assert.equal(countWords("  one two\nthree "), 3);
  assert.equal(countWords(""), 0);
});
