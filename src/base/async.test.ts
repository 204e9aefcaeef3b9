import { describe, expect, test } from "bun:test";
import { rejectionOf } from "#base/testing/rejection.ts";
import {
  abortable,
  BoundedQueue,
  collectBytes,
  deferred,
  forEachLimited,
  KeyedMutex,
  retry,
  Semaphore,
} from "./async.ts";

describe("Semaphore", () => {
  test("serves waiters in order and lets nobody overtake", async () => {
    const semaphore = new Semaphore(1);
    const order: number[] = [];
    const first = await semaphore.acquire();
    const waiters = [1, 2, 3].map((id) => semaphore.run(async () => void order.push(id)));
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    await Promise.all(waiters);
    expect(order).toEqual([1, 2, 3]);
    using _again = await semaphore.acquire();
  });

  test("forgets a waiter that gives up", async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire();
    const controller = new AbortController();
    const waiting = semaphore.acquire(controller.signal);
    controller.abort(new Error("gone"));
    expect(await rejectionOf(waiting)).toContain("gone");
    expect(await rejectionOf(semaphore.acquire(controller.signal))).toContain("gone");
    held[Symbol.dispose]();
    using _next = await semaphore.acquire();
  });
});

test("KeyedMutex holds one holder a key and forgets free keys", async () => {
  const mutex = new KeyedMutex();
  const events: string[] = [];
  const gate = deferred();
  const slow = mutex.run("a", async () => {
    events.push("a1");
    await gate.promise;
    events.push("a1 end");
  });
  const second = mutex.run("a", async () => void events.push("a2"));
  await mutex.run("b", async () => void events.push("b"));
  gate.resolve();
  await Promise.all([slow, second]);
  expect(events).toEqual(["a1", "b", "a1 end", "a2"]);
  expect(await rejectionOf(mutex.run("a", () => Promise.reject(new Error("x"))))).toContain("x");
  expect(mutex.size).toBe(0);
});

describe("BoundedQueue", () => {
  test("makes writers wait while it is full", async () => {
    const queue = new BoundedQueue<number>({ capacity: 2 });
    const pushed: number[] = [];
    const writer = (async () => {
      for (let item = 1; item <= 5; item++) {
        await queue.push(item);
        pushed.push(item);
      }
      queue.close();
    })();
    await Promise.resolve();
    expect(queue.used).toBeLessThanOrEqual(2);
    const read: number[] = [];
    for await (const item of queue) {
      expect(pushed.length - read.length).toBeLessThanOrEqual(3);
      read.push(item);
    }
    await writer;
    expect(read).toEqual([1, 2, 3, 4, 5]);
  });

  test("refuses offers beyond its capacity, but takes one large item alone", () => {
    const queue = new BoundedQueue<string>({ capacity: 4, sizeOf: (item) => item.length });
    expect(queue.offer("too long")).toBe(true);
    expect(queue.offer("x")).toBe(false);
  });

  test("hands out what is left after close, then its error", async () => {
    const queue = new BoundedQueue<number>({ capacity: 9 });
    queue.offer(1);
    queue.close(new Error("broken"));
    expect(queue.offer(2)).toBe(false);
    expect(await queue.push(2)).toBe(false);
    expect(await queue.shift()).toBe(1);
    expect(await rejectionOf(queue.shift())).toContain("broken");
  });

  test("releases writers and readers that abort", async () => {
    const queue = new BoundedQueue<number>({ capacity: 1 });
    const signal = AbortSignal.abort(new Error("stop"));
    expect(await rejectionOf(queue.shift(signal))).toContain("stop");
    queue.offer(1);
    expect(await rejectionOf(queue.push(2, signal))).toContain("stop");
  });

  test("keeps its order over many items", async () => {
    const queue = new BoundedQueue<number>({ capacity: 10_000 });
    for (let item = 0; item < 10_000; item++) queue.offer(item);
    for (let item = 0; item < 10_000; item++) expect(await queue.shift()).toBe(item);
    expect(queue.used).toBe(0);
  });
});

describe("retry()", () => {
  const options = (waits: number[]) => ({
    sleep: async (delayMs: number) => void waits.push(delayMs),
    random: () => 0.5,
    attempts: 4,
    firstDelayMs: 100,
    maxDelayMs: 300,
    mayRetry: (error: unknown) => error instanceof Error && error.message !== "fatal",
  });

  test("doubles its waits up to the limit", async () => {
    const waits: number[] = [];
    const value = await retry(async (attempt) => {
      if (attempt < 4) throw new Error("again");
      return attempt;
    }, options(waits));
    expect(value).toBe(4);
    expect(waits).toEqual([75, 150, 225]);
  });

  test("throws at once what no other try can heal", async () => {
    const waits: number[] = [];
    expect(
      await rejectionOf(retry(() => Promise.reject(new Error("fatal")), options(waits))),
    ).toContain("fatal");
    expect(
      await rejectionOf(retry(() => Promise.reject(new Error("again")), options([]))),
    ).toContain("again");
    expect(waits).toEqual([]);
  });
});

test("forEachLimited() runs so many at once and stops at a failure", async () => {
  let running = 0;
  let most = 0;
  await forEachLimited([1, 2, 3, 4, 5], 2, async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  });
  expect(most).toBe(2);
  const seen: number[] = [];
  const failing = forEachLimited([1, 2, 3, 4], 1, async (item) => {
    seen.push(item);
    if (item === 2) throw new Error("two");
  });
  expect(await rejectionOf(failing)).toContain("two");
  expect(seen).toEqual([1, 2]);
});

test("collectBytes() keeps to its limit, abortable() to its signal", async () => {
  async function* chunks(): AsyncIterable<Uint8Array> {
    yield Uint8Array.of(1, 2);
    yield Uint8Array.of(3);
  }
  expect(await collectBytes(chunks(), 3)).toEqual(Buffer.from([1, 2, 3]));
  expect(await rejectionOf(collectBytes(chunks(), 2))).toContain("more than 2 bytes");
  const controller = new AbortController();
  const waiting = abortable(new Promise(() => {}), controller.signal);
  controller.abort(new Error("enough"));
  expect(await rejectionOf(waiting)).toContain("enough");
});
