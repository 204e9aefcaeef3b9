import { describe, expect, test } from "bun:test";
import {
  afterProbe,
  beginHealth,
  ceaseHealth,
  type ContainerHealth,
  delayBeforeProbe,
  hasFailed,
  type ProbeResult,
} from "./health.ts";

const check = { retries: 2, startPeriodMs: 0, intervalMs: 30_000, startIntervalMs: 5_000 };
const begun = beginHealth(undefined, 0n);

function probe(exitCode: number, startedMs = 0): ProbeResult {
  const startedNanos = BigInt(startedMs) * 1_000_000n;
  return { startedNanos, endedNanos: startedNanos + 1n, exitCode, output: "" };
}

function after(results: readonly ProbeResult[], from: ContainerHealth = begun): ContainerHealth {
  return results.reduce((health, result) => afterProbe(health, check, result), from);
}

describe("afterProbe()", () => {
  test("makes a container unhealthy after as many failures in a row as `retries` says", () => {
    expect(after([probe(1)])).toMatchObject({ status: "starting", failingStreak: 1 });
    expect(after([probe(1), probe(3)])).toMatchObject({ status: "unhealthy", failingStreak: 2 });
    expect(after([probe(1), probe(0), probe(1)])).toMatchObject({
      status: "healthy",
      failingStreak: 1,
    });
    expect(after([probe(1), probe(-1), probe(0)])).toMatchObject({
      status: "healthy",
      failingStreak: 0,
    });
  });

  test("does not count failures in the start period until there was a success", () => {
    const slow = { ...check, startPeriodMs: 1000 };
    const early = afterProbe(begun, slow, probe(1, 999));
    expect(early).toMatchObject({ status: "starting", failingStreak: 0, log: [probe(1, 999)] });
    expect(afterProbe(early, slow, probe(1, 1000))).toMatchObject({ failingStreak: 1 });
    const healthy = afterProbe(early, slow, probe(0, 10));
    expect(afterProbe(healthy, slow, probe(1, 20))).toMatchObject({ failingStreak: 1 });
  });

  test("logs the last five", () => {
    const { log } = after([0, 1, 2, 3, 4, 5, 6].map((code) => probe(code)));
    expect(log.map(({ exitCode }) => exitCode)).toEqual([2, 3, 4, 5, 6]);
  });
});

test("beginHealth() keeps the log of the runs before; ceaseHealth() makes it unhealthy", () => {
  const ceased = ceaseHealth(after([probe(0)]));
  expect(ceased).toMatchObject({ status: "unhealthy", failingStreak: 0 });
  expect(hasFailed(ceased, check)).toBe(false);
  expect(beginHealth(ceased, 5n)).toEqual({
    status: "starting",
    failingStreak: 0,
    log: [probe(0)],
    runStartedNanos: 5n,
  });
});

test("delayBeforeProbe() takes the start interval only in the start period, before a success", () => {
  const slow = { ...check, startPeriodMs: 60_000 };
  expect(delayBeforeProbe({ status: "starting" }, slow, 59_999)).toBe(5_000);
  expect(delayBeforeProbe({ status: "starting" }, slow, 60_000)).toBe(30_000);
  expect(delayBeforeProbe({ status: "healthy" }, slow, 10)).toBe(30_000);
  expect(delayBeforeProbe({ status: "starting" }, check, 0)).toBe(30_000);
});
