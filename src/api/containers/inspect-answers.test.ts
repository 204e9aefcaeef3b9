import { describe, expect, test } from "bun:test";
import { containerDetails, RUNNING } from "#api/testing/container-fixtures.ts";
import { MAX_API_VERSION, parseApiVersion } from "#spec/engine-api/version.ts";
import { InspectAnswers } from "./inspect-answers.ts";
import { inspectToWire } from "./inspect.ts";

const V151 = parseApiVersion("1.51");

describe("InspectAnswers", () => {
  test("each version gets its shape, whichever was asked for before", () => {
    const answers = new InspectAnswers("wharf0");
    const details = containerDetails({}, RUNNING);
    for (const version of [V151, MAX_API_VERSION, V151, V151]) {
      const wire = inspectToWire(details, version, "wharf0");
      expect(answers.text(details, version)).toBe(`${JSON.stringify(wire)}\n`);
    }
  });

  test("other details get another answer, alike as they are", () => {
    const answers = new InspectAnswers("wharf0");
    const created = containerDetails({});
    const running = { ...created, record: { ...created.record, state: RUNNING } };
    expect(answers.text(created, V151)).toContain('"Status":"created"');
    expect(answers.text(running, V151)).toContain('"Status":"running"');
    expect(answers.text(created, V151)).toContain('"Status":"created"');
  });

  test("of many, and of long ones, each gets its own", () => {
    const answers = new InspectAnswers("wharf0");
    const many = Array.from({ length: 300 }, (_, at) =>
      containerDetails({ Env: [`AT=${at}`, `LONG=${"x".repeat(at * 60)}`] }),
    );
    for (const round of [1, 2]) {
      for (const [at, details] of many.entries()) {
        expect(answers.text(details, V151), `round ${round}`).toContain(`"AT=${at}"`);
      }
    }
  });
});
