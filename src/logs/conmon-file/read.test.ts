import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deferred } from "#base/async.ts";
import type { LogEntry, LogReadRequest } from "#logs/logs.ts";
import { readConmonFile } from "./read.ts";

const SECOND = 1_000_000_000n;
const START = 1_700_000_000n * SECOND;
const clock = {
  nowNanos: () => START + 1_000n * SECOND,
  delay: (_delayMs: number, signal?: AbortSignal) =>
    new Promise<void>((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(new Error("aborted")));
    }),
};
const never = new AbortController().signal;
const all: LogReadRequest = { stdout: true, stderr: true, follow: false };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-logs-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A line written `index` seconds after START. */
function line(index: number, text: string, stream = "stdout", tag = "F"): string {
  const time = new Date(Number(START / 1_000_000n) + index * 1000).toISOString().slice(0, 19);
  return `${time}.000000000+00:00 ${stream} ${tag} ${text}\n`;
}

async function read(path: string, request: Partial<LogReadRequest> = {}): Promise<string> {
  const entries = await Array.fromAsync(readConmonFile(path, { ...all, ...request }, clock, never));
  return entries.map((entry) => Buffer.from(entry.bytes).toString()).join("");
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("readConmonFile()", () => {
  test("gives bytes, stream, time and parts as written", async () => {
    const path = file(
      "plain",
      line(0, "one") + line(1, "tw", "stderr", "P") + line(2, "o", "stderr") + line(3, ""),
    );
    const entries = await Array.fromAsync(readConmonFile(path, all, clock, never));
    const plain = (entry: LogEntry) => [
      entry.stream,
      entry.timeNanos - START,
      Buffer.from(entry.bytes).toString(),
      entry.isPartial,
    ];
    expect(entries.map(plain)).toEqual([
      ["stdout", 0n, "one\n", false],
      ["stderr", SECOND, "tw", true],
      ["stderr", 2n * SECOND, "o\n", false],
      ["stdout", 3n * SECOND, "\n", false],
    ]);
  });

  test("takes a missing file for an empty log and passes over what is no entry", async () => {
    expect(await read(join(folder, "none"))).toBe("");
    expect(await read(file("odd", `garbage\n${line(0, "good")}\n2026 half`))).toBe("good\n");
  });

  test("filters by stream and time, both ends included", async () => {
    const path = file(
      "times",
      [0, 1, 2, 3].map((i) => line(i, `l${i}`, i === 2 ? "stderr" : "stdout")).join(""),
    );
    expect(await read(path, { stderr: false })).toBe("l0\nl1\nl3\n");
    expect(await read(path, { sinceNanos: START + SECOND, untilNanos: START + 2n * SECOND })).toBe(
      "l1\nl2\n",
    );
  });

  test("tails whole lines, whatever their length and number of parts", async () => {
    const long = "x".repeat(8000);
    const content = [
      line(0, "first"),
      line(1, long, "stdout", "P"),
      line(2, long, "stdout", "P"),
      line(3, "end"),
      line(4, "err", "stderr"),
      line(5, "last"),
    ].join("");
    const path = file("tail", content);
    expect(await read(path, { tail: 0 })).toBe("");
    expect(await read(path, { tail: 1 })).toBe("last\n");
    expect(await read(path, { tail: 3 })).toBe(`${long}${long}end\nerr\nlast\n`);
    expect(await read(path, { tail: 2, stderr: false })).toBe(`${long}${long}end\nlast\n`);
    expect(await read(path, { tail: 99 })).toBe(await read(path));
  });

  test("finds the tail and the time in a file of many blocks", async () => {
    const count = 5_000;
    const path = file(
      "many",
      Array.from({ length: count }, (_, i) => line(i, `line ${i} ${"y".repeat(i % 97)}`)).join(""),
    );
    const numbers = (text: string) =>
      text
        .trim()
        .split("\n")
        .map((l) => Number(l.split(" ")[1]));
    for (const tail of [1, 2, 499, 4_999, 5_000]) {
      const got = numbers(await read(path, { tail }));
      expect([got.length, got[0]]).toEqual([tail, count - tail]);
    }
    for (const since of [0, 1, 777, 4_999]) {
      const got = numbers(await read(path, { sinceNanos: START + BigInt(since) * SECOND }));
      expect([got.length, got[0]]).toEqual([count - since, since]);
    }
  });

  test("ends with what was there when it began, however fast the file grows", async () => {
    const path = file("restless", line(0, "a") + line(1, "b"));
    let seen = 0;
    for await (const _entry of readConmonFile(path, all, clock, never)) {
      seen++;
      appendFileSync(path, line(2, "more").repeat(3));
    }
    expect(seen).toBe(2);
  });

  test("follows a file that is not there yet until its writer is gone", async () => {
    const path = join(folder, "later");
    const writer = deferred<void>();
    const reading = read(path, { follow: true, writerGone: writer.promise });
    writeFileSync(path, line(0, "a"));
    appendFileSync(path, line(1, "b").slice(0, 20));
    appendFileSync(path, line(1, "b").slice(20));
    writer.resolve();
    expect(await reading).toBe("a\nb\n");
  });

  test("gives each line as it comes and ends with the signal", async () => {
    const path = file("growing", line(0, "a"));
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const entry of readConmonFile(
        path,
        { ...all, follow: true, writerGone: new Promise(() => undefined) },
        clock,
        stop.signal,
      )) {
        seen.push(Buffer.from(entry.bytes).toString());
        if (seen.length < 4) appendFileSync(path, line(seen.length, `n${seen.length}`));
        else stop.abort();
      }
    })();
    expect(
      await reading.then(
        () => "ended",
        () => "aborted",
      ),
    ).toBe("aborted");
    expect(seen).toEqual(["a\n", "n1\n", "n2\n", "n3\n"]);
  });
});
