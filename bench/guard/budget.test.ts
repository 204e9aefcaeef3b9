import { expect, test } from "bun:test";
import { findExcess, findSavings, perRound } from "./budget.ts";

test("perRound() divides", () => {
  expect(perRound({ mkdir: 31, openat: 100 }, 10)).toEqual({ mkdir: 3.1, openat: 10 });
});

test("findExcess() names what is above the budget by more than its tolerance", () => {
  const budget = { openat: 100, mkdir: 2 };
  expect(findExcess(budget, { openat: 105, mkdir: 2.4 })).toEqual([]);
  expect(findExcess(budget, { openat: 106, mkdir: 3 })).toEqual([
    "openat: 106, at most 100",
    "mkdir: 3, at most 2",
  ]);
});

test("findExcess() names what the budget does not know", () => {
  expect(findExcess({}, { fsync: 1 })).toEqual(["fsync: 1, at most 0"]);
});

test("findSavings() names what became less, or is no more", () => {
  expect(findSavings({ openat: 100, fsync: 1, mkdir: 2 }, { openat: 80, mkdir: 2 })).toEqual([
    "openat: 80, before 100",
    "fsync: 0, before 1",
  ]);
});
