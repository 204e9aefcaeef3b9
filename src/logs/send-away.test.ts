import { describe, expect, test } from "bun:test";
import { conmonLine, SpooledContainer } from "./testing/spooled.ts";
import { openStreamReceiver } from "./testing/receivers.ts";
import type { Receiver } from "./testing/contract.ts";

const SILENT = new AbortController().signal;
const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => conmonLine(from + i, `line ${from + i}`)).join("");
const texts = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}`);

const openReceiver = (): Promise<Receiver> =>
  openStreamReceiver({
    unpack: (received) => {
      const taken = received.lastIndexOf("\n") + 1;
      const lines = received.toString("utf8", 0, taken).split("\n").slice(0, -1);
      return { lines: lines.map((line) => line.replace(/^.*?\]: /, "")), taken };
    },
    options: ({ port }) => ({ "syslog-address": `tcp://127.0.0.1:${port}` }),
  });

/** Writes until the engine has seen that the receiver is gone; what is written before is lost, as with any syslog. */
async function writeUntilNoticed(container: SpooledContainer): Promise<void> {
  while (container.warnings.length === 0) {
    container.write(conmonLine(1, "lost"));
    await Bun.sleep(1);
  }
}

async function untilLast(receiver: Receiver, last: string): Promise<readonly string[]> {
  let got: readonly string[] = [];
  while (got.at(-1) !== last) got = await receiver.lines(got.length + 1);
  return got;
}

describe("A log whose receiver goes away for a while", () => {
  test("is kept on the disk meanwhile and sent when the receiver is there again", async () => {
    await using receiver = await openReceiver();
    using container = new SpooledContainer("syslog", receiver.options);
    const logs = container.openLogs();
    await logs.begin(container.container, SILENT);
    container.follow(logs);
    container.write(numbers(0, 10));
    expect(await receiver.lines(10)).toEqual(texts(0, 10));
    await receiver.leave();
    await writeUntilNoticed(container);
    container.write(numbers(11, 5000));
    expect(await container.read(logs, { tail: 2 })).toBe("line 4998\nline 4999\n");
    await receiver.restart?.();
    const got = await untilLast(receiver, "line 4999");
    expect(got.slice(10).filter((line) => line !== "lost")).toEqual(texts(11, 5000));
    await logs.end(container.container);
    expect(container.warnings[0]).toContain("trying again");
  });

  test("is shortened to `max-buffer-size` when it is not to wait, newest lines last", async () => {
    await using receiver = await openReceiver();
    using container = new SpooledContainer("syslog", {
      ...receiver.options,
      mode: "non-blocking",
      "max-buffer-size": "4k",
      "cache-disabled": "true",
    });
    const logs = container.openLogs();
    await logs.begin(container.container, SILENT);
    container.follow(logs);
    container.write(conmonLine(0, "first"));
    await receiver.lines(1);
    await receiver.leave();
    await writeUntilNoticed(container);
    for (let i = 0; i < 20; i++) {
      container.write(numbers(i * 1000, i * 1000 + 1000));
      await Bun.sleep(2);
    }
    await receiver.restart?.();
    container.write(conmonLine(20_000, "last"));
    const got = await untilLast(receiver, "last");
    expect(got.at(-2)).toBe("line 19999");
    // One chunk of 128 KiB was under way, 4 KiB more were kept.
    expect(got.length).toBeLessThan(4000);
    expect(container.holds).toBe(0);
    await logs.end(container.container);
  });

  test("does not keep a container from ending, and the rest is sent by its next run", async () => {
    await using receiver = await openReceiver();
    using container = new SpooledContainer("syslog", receiver.options);
    const logs = container.openLogs();
    await logs.begin(container.container, SILENT);
    container.follow(logs);
    container.write(numbers(0, 1));
    await receiver.lines(1);
    await receiver.leave();
    await writeUntilNoticed(container);
    container.write(numbers(2, 50));
    await logs.end(container.container);
    await receiver.restart?.();
    await logs.begin(container.container, SILENT);
    container.follow(logs);
    container.write(numbers(50, 60));
    const got = await receiver.lines(1 + 58);
    expect(
      got
        .slice(1)
        .filter((line) => line !== "lost")
        .slice(0, 58),
    ).toEqual(texts(2, 60));
    await logs.end(container.container);
    expect(await container.read(logs, { tail: 2 })).toBe("line 58\nline 59\n");
  });
});
