import { describe, expect, test } from "bun:test";
import type { Clock } from "#host/clock.ts";

export interface ClockSubject {
  readonly clock: Clock;
  /** Lets `byMs` pass, and what waited for it run. */
  pass(byMs: number): Promise<void>;
}

export function clockContract(driver: string, open: () => ClockSubject): void {
  describe(`${driver} keeps the contract of Clock:`, () => {
    test("the three readings go on together", async () => {
      const { clock, pass } = open();
      const before = [clock.nowMs(), Number(clock.nowNanos() / 1_000_000n), clock.monotonicMs()];
      expect(Math.abs((before[0] ?? 0) - (before[1] ?? 0))).toBeLessThan(1000);
      await pass(5);
      const after = [clock.nowMs(), Number(clock.nowNanos() / 1_000_000n), clock.monotonicMs()];
      for (const [at, time] of after.entries()) expect(time).toBeGreaterThan(before[at] ?? 0);
    });

    test("delay() resolves when its time has passed, shorter ones first", async () => {
      const { clock, pass } = open();
      const order: string[] = [];
      const slow = clock.delay(6).then(() => order.push("slow"));
      const fast = clock.delay(1).then(() => order.push("fast"));
      await pass(20);
      await Promise.all([slow, fast]);
      expect(order).toEqual(["fast", "slow"]);
    });

    test("delay() rejects with the reason of an abort, before or meanwhile", async () => {
      const { clock } = open();
      const reason = new Error("enough");
      expect(clock.delay(60_000, AbortSignal.abort(reason))).rejects.toBe(reason);
      const abort = new AbortController();
      const waiting = clock.delay(60_000, abort.signal);
      abort.abort(reason);
      expect(waiting).rejects.toBe(reason);
    });
  });
}
