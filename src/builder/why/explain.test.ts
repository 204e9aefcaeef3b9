import { expect, test } from "bun:test";
import type { StepReason } from "#spec/buildkit/step-report.ts";
import { explainStep, type StepSurroundings } from "./explain.ts";
import type { StepInputs } from "./step-inputs.ts";

const step: StepInputs = {
  title: "COPY . /src",
  place: "build 2",
  parent: "base",
  environment: { A: "1", B: "2" },
  flags: { command: "c", "--chown": "o" },
  files: { "a.c": "1", "b.c": "2" },
  content: "1",
  doneMs: 1,
};
const usual: StepSurroundings = { isUncached: false, isBeforeCached: true };

const cases: readonly (readonly [
  string,
  Partial<StepInputs>,
  Partial<StepSurroundings>,
  readonly StepReason[],
])[] = [
  [
    "a file changed",
    { files: { ...step.files, "a.c": "9" }, content: "2" },
    {},
    [{ kind: "file", path: "a.c", change: "changed" }],
  ],
  [
    "a file came",
    { files: { ...step.files, "n.c": "9" }, content: "2" },
    {},
    [{ kind: "file", path: "n.c", change: "added" }],
  ],
  [
    "a file went",
    { files: { "a.c": "1" }, content: "2" },
    {},
    [{ kind: "file", path: "b.c", change: "removed" }],
  ],
  ["a file beyond those listed changed", { content: "2" }, {}, [{ kind: "more-files", count: 1 }]],
  [
    "an argument changed",
    { environment: { A: "1", B: "3" } },
    {},
    [{ kind: "argument", name: "B", change: "changed" }],
  ],
  [
    "an argument came",
    { environment: { A: "1", B: "2", C: "3" } },
    {},
    [{ kind: "argument", name: "C", change: "added" }],
  ],
  [
    "a flag changed",
    { flags: { ...step.flags, "--chown": "p" } },
    {},
    [{ kind: "flag", name: "--chown" }],
  ],
  ["the base changed", { parent: "other" }, { isBeforeCached: undefined }, [{ kind: "base" }]],
  [
    "the step before was done again",
    { parent: "other" },
    { isBeforeCached: false },
    [{ kind: "step-before" }],
  ],
  [
    "the instruction was written anew",
    { title: "COPY x /src" },
    {},
    [{ kind: "instruction", before: "COPY . /src" }],
  ],
  ["its result was removed", {}, {}, [{ kind: "removed" }]],
  ["it is not to be cached", {}, { isUncached: true }, [{ kind: "no-cache" }]],
  ["it is new", { title: "RUN x", place: "build 9" }, {}, [{ kind: "new" }]],
];

for (const [name, change, surroundings, reasons] of cases) {
  test(`explainStep() says that ${name}, and nothing else`, () => {
    const now = { ...step, ...change };
    const earlier = now.title === step.title || now.place === step.place ? [step] : [];
    expect(explainStep(now, earlier, { ...usual, ...surroundings })).toEqual(reasons);
  });
}

test("explainStep() compares with the nearest of the earlier ones", () => {
  const far = { ...step, files: {}, environment: {}, content: "0", doneMs: 9 };
  const now = { ...step, environment: { A: "1", B: "3" } };
  expect(explainStep(now, [far, step], usual)).toEqual([
    { kind: "argument", name: "B", change: "changed" },
  ]);
});
