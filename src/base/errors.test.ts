import { expect, test } from "bun:test";
import { ConflictError, firstFailure, messageOf } from "./errors.ts";

test("messageOf() and firstFailure() tell what failed before the undoing of it failed too", () => {
  const first = new ConflictError("the name is taken");
  const inner = new SuppressedError(new Error("cannot unmount"), first);
  const outer = new SuppressedError(new Error("cannot close"), inner);
  expect(firstFailure(outer)).toBe(first);
  expect(firstFailure(first)).toBe(first);
  expect(messageOf(outer)).toBe(
    "the name is taken; then, while that was undone: cannot unmount; then, while that was undone: cannot close",
  );
});
