import { describe, expect, test } from "bun:test";
import { UnavailableError } from "#base/errors.ts";
import { EventBus } from "./event-bus.ts";

const START = { type: "container", action: "start", actorId: "c1", attributes: {} } as const;

function busAt(...times: bigint[]): EventBus {
  const left = [...times];
  return new EventBus({ clock: { nowNanos: () => left.shift() ?? 0n } });
}

async function take(
  events: AsyncIterable<{ readonly actorId: string }>,
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  for await (const { actorId } of events) if (ids.push(actorId) === count) break;
  return ids;
}

describe("EventBus", () => {
  test("publish() gives strictly increasing times, also when the clock goes back", () => {
    const bus = busAt(10n, 10n, 5n, 20n);
    for (let count = 0; count < 4; count += 1) bus.publish(START);
    expect(bus.recent().map(({ timeNanos }) => timeNanos)).toEqual([10n, 11n, 12n, 20n]);
  });

  test("recent() keeps the last 256, oldest first", () => {
    const bus = busAt();
    for (let count = 0; count < 1000; count += 1) bus.publish({ ...START, actorId: `c${count}` });
    const ids = bus.recent().map(({ actorId }) => actorId);
    expect(ids).toHaveLength(256);
    expect([ids[0], ids.at(-1)]).toEqual(["c744", "c999"]);
  });

  test("subscribe() is in force when it returns, for each subscriber alike", async () => {
    const bus = busAt();
    bus.publish({ ...START, actorId: "before" });
    const signal = new AbortController().signal;
    const first = bus.subscribe(signal);
    const second = bus.subscribe(signal);
    bus.publish(START);
    bus.publish({ ...START, actorId: "c2" });
    expect(await take(first, 2)).toEqual(["c1", "c2"]);
    expect(await take(second, 1)).toEqual(["c1"]);
  });

  test("subscribe() ends at the abort, before or after it", async () => {
    const bus = busAt();
    const abort = new AbortController();
    const events = bus.subscribe(abort.signal);
    bus.publish(START);
    abort.abort();
    bus.publish({ ...START, actorId: "late" });
    expect(await take(events, 9)).toEqual(["c1"]);
    expect(await take(bus.subscribe(abort.signal), 9)).toEqual([]);
  });

  test("a reader that falls 1,024 behind is ended with an error; the others go on", async () => {
    const bus = busAt();
    const signal = new AbortController().signal;
    const slow = bus.subscribe(signal);
    for (let count = 0; count < 1025; count += 1) bus.publish(START);
    const quick = bus.subscribe(signal);
    bus.publish({ ...START, actorId: "c2" });
    expect(await take(quick, 1)).toEqual(["c2"]);
    expect(take(slow, 2000)).rejects.toThrow(UnavailableError);
  });
});
