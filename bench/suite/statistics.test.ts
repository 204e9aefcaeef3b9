import { expect, test } from "bun:test";
import { median, quantile, spreadOf, summarise } from "./statistics.ts";

test("quantile() lies between two samples by their distance", () => {
  expect(quantile([1, 2, 3, 4], 0.5)).toBe(2.5);
  expect(quantile([10, 20, 30], 0.25)).toBe(15);
  expect(quantile([7], 0.9)).toBe(7);
  expect(quantile([1, 2, 3], 0)).toBe(1);
  expect(quantile([1, 2, 3], 1)).toBe(3);
});

test("quantile() of nothing is no number", () => {
  expect(quantile([], 0.5)).toBeNaN();
});

test("median() sorts by value, and leaves its argument as it was", () => {
  const samples = [100, 9, 20];
  expect(median(samples)).toBe(20);
  expect(samples).toEqual([100, 9, 20]);
});

test("summarise() names quartiles and extremes", () => {
  expect(summarise([5, 1, 4, 2, 3])).toEqual({
    count: 5,
    minimum: 1,
    lowerQuartile: 2,
    median: 3,
    upperQuartile: 4,
    maximum: 5,
  });
});

test("summarise() of nothing is nothing", () => {
  expect(summarise([])).toBeUndefined();
});

test("spreadOf() is half the distance of the quartiles by the median", () => {
  const summary = summarise([8, 9, 10, 11, 12]);
  expect(summary && spreadOf(summary)).toBe(0.1);
});
