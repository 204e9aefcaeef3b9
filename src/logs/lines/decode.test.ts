import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogBatch } from "#logs/logs.ts";
import { JsonLineDecoder, type LineSelection } from "./decode.ts";
import { JsonLineEncoder } from "./encode.ts";

const BOTH: LineSelection = { stdout: true, stderr: true };
const TIME = "2026-11-22T17:00:00.120000000+00:00";
const SECOND_NANOS = 1_795_366_800_000_000_000n;

interface Line {
  readonly text: string;
  readonly isError?: boolean;
  readonly isPartial?: boolean;
}

function encoded(
  lines: readonly Line[],
  attributes: Readonly<Record<string, string>> = {},
): Buffer {
  const encoder = new JsonLineEncoder(attributes);
  const time = Buffer.from(TIME);
  for (const { text, isError = false, isPartial = false } of lines) {
    const bytes = Buffer.from(text);
    const place = { time, timeAt: 0, bytes, from: 0, to: bytes.length };
    encoder.add({ ...place, isError, isPartial });
  }
  return Buffer.from(encoder.take());
}

function decoded(lines: Buffer, selection: LineSelection = BOTH): LogBatch {
  return new JsonLineDecoder().decode(lines, selection).batch;
}

function textsOf({ content, ends }: LogBatch): readonly string[] {
  return ends.map((end, index) => content.toString("utf8", ends[index - 1] ?? 0, end));
}

test("decode() gives back what JsonLineEncoder wrote, whatever its letters", () => {
  const letters = fc.constantFrom('"', "\\", "\u0001", "\t", "<", "é", "\u2028", "😀", "n", "time");
  const line = fc.record({ text: fc.string({ unit: letters }), isError: fc.boolean() });
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), (lines, hasAttributes) => {
      const attributes = hasAttributes ? { tag: '"time":"x', b: "</>" } : {};
      const batch = decoded(encoded(lines, attributes));
      expect(textsOf(batch)).toEqual(lines.map(({ text }) => `${text}\n`));
      expect(batch.streams).toEqual(lines.map(({ isError }) => (isError ? "stderr" : "stdout")));
      for (const index of lines.keys()) {
        expect(batch.secondsNanos[index]).toBe(SECOND_NANOS);
        expect(batch.fractionsNanos[index]).toBe(120_000_000);
        expect(batch.attributes[index]).toEqual(hasAttributes ? attributes : undefined);
      }
    }),
  );
});

test("decode() passes over what a crash cut off, and goes on behind it", () => {
  const whole = encoded([{ text: "whole" }]);
  for (let length = 0; length < whole.length - 1; length++) {
    const cut = Buffer.concat([whole.subarray(0, length), Buffer.from("\n"), whole]);
    // only the closing brace's newline may be missing
    expect(textsOf(decoded(cut))).toEqual(["whole\n"]);
  }
  expect(textsOf(decoded(whole.subarray(0, -1)))).toEqual(["whole\n"]);
});

test("decode() keeps to the streams that are wanted, and to the times", () => {
  const lines = encoded([{ text: "out" }, { text: "err", isError: true }]);
  expect(textsOf(decoded(lines, { stdout: false, stderr: true }))).toEqual(["err\n"]);
  const late = SECOND_NANOS + 120_000_001n;
  expect(textsOf(decoded(lines, { ...BOTH, sinceNanos: late }))).toEqual([]);
  expect(textsOf(decoded(lines, { ...BOTH, sinceNanos: late - 1n }))).toHaveLength(2);
  const before = { ...BOTH, untilNanos: SECOND_NANOS };
  expect(new JsonLineDecoder().decode(lines, before)).toMatchObject({
    batch: { count: 0 },
    isAtEnd: true,
  });
});
