import { expect, test } from "bun:test";
import { interpolate } from "./interpolate.ts";

const values = new Map([
  ["A", "a"],
  ["EMPTY", ""],
]);

// oxlint-disable eslint/no-template-curly-in-string
/** The table of the Compose specification, "Interpolation". */
const TABLE: readonly (readonly [template: string, result: string])[] = [
  ["$A", "a"],
  ["${A}", "a"],
  ["x${A}y$A-$A", "xaya-a"],
  ["$$A", "$A"],
  ["$${A}", "${A}"],
  ["${UNSET:-d}", "d"],
  ["${EMPTY:-d}", "d"],
  ["${EMPTY-d}", ""],
  ["${UNSET-d}", "d"],
  ["${A:-d}", "a"],
  ["${A:+r}", "r"],
  ["${EMPTY:+r}", ""],
  ["${EMPTY+r}", "r"],
  ["${UNSET+r}", ""],
  ["${UNSET:-${EMPTY:-${A}}}", "a"],
  ["${UNSET:-a-b:c?d}", "a-b:c?d"],
  ["${A:?never}", "a"],
  ["${UNSET:-{}}", "{}"],
  ["", ""],
  ["$", "!"],
  ["${}", "!"],
  ["${A", "!"],
  ["${A!}", "!"],
  ["$1", "!"],
  ["${UNSET:?no}", "!"],
  ["${EMPTY:?no}", "!"],
  ["${EMPTY?no}", ""],
];
// oxlint-enable eslint/no-template-curly-in-string

for (const [template, result] of TABLE) {
  test(`${template} is ${result === "!" ? "refused" : JSON.stringify(result)}`, () => {
    const run = (): string =>
      interpolate(template, { lookUp: (name) => values.get(name), onUnset: () => {} });
    if (result === "!") expect(run).toThrow();
    else expect(run()).toBe(result);
  });
}
