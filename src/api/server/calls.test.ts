import { describe, expect, test } from "bun:test";
import { CancelledError } from "#base/errors.ts";
import { Calls } from "./calls.ts";

describe("Calls", () => {
  test("a signal that is asked for late has what happened before", () => {
    const calls = new Calls();
    const [gone, over, open] = ["gone", "over", "open"].map((name) => calls.begin(() => name));
    gone?.hangUp();
    over?.over();
    expect(gone?.signal.aborted).toBe(true);
    expect(over?.signal.aborted).toBe(true);
    expect(open?.signal.aborted).toBe(false);
    calls.abortAll(new CancelledError("The engine is stopping"));
    expect(open?.signal.reason).toEqual(new CancelledError("The engine is stopping"));
    expect(gone?.signal.reason).toEqual(new CancelledError("The client hung up"));
  });

  test("list() names those that are not over, oldest first", () => {
    const calls = new Calls();
    const [first] = ["GET /a", "GET /b", "GET /c"].map((name) => calls.begin(() => name));
    first?.over();
    expect(calls.list().map(({ route }) => route)).toEqual(["GET /b", "GET /c"]);
  });
});
