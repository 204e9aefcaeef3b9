import { expect, test } from "bun:test";
import { isToPull, parsePullPolicy } from "./pull-policy.ts";

const NOW = new Date("2026-05-10T00:00:00Z");
const image = (agoMs: number) => ({ id: "sha256:1", taggedAtMs: NOW.getTime() - agoMs });
const HOUR = 3_600_000;

test("parsePullPolicy() reads Compose's policies, and refuses others", () => {
  expect(parsePullPolicy(undefined)).toEqual({ kind: "missing" });
  expect(parsePullPolicy("daily")).toEqual({ kind: "refresh", afterMs: 24 * HOUR });
  expect(parsePullPolicy("weekly")).toEqual({ kind: "refresh", afterMs: 7 * 24 * HOUR });
  expect(parsePullPolicy("every_1d12h")).toEqual({ kind: "refresh", afterMs: 36 * HOUR });
  expect(() => parsePullPolicy("sometimes")).toThrow('invalid pull_policy "sometimes"');
});

test("isToPull() pulls anew only what was pulled too long ago", () => {
  const daily = parsePullPolicy("daily");
  expect(isToPull(daily, image(23 * HOUR), NOW)).toBe(false);
  expect(isToPull(daily, image(25 * HOUR), NOW)).toBe(true);
  expect(isToPull(daily, undefined, NOW)).toBe(true);
  expect(isToPull(parsePullPolicy("missing"), image(999 * HOUR), NOW)).toBe(false);
  expect(isToPull(parsePullPolicy("build"), undefined, NOW)).toBe(false);
});
