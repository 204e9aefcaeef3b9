import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { ALL, conmonLine, NEVER, SpooledContainer } from "./testing/spooled.ts";

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => conmonLine(from + i, `line ${from + i}`)).join("");
const texts = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("");
const rows = (path: string): readonly Record<string, unknown>[] =>
  readFileSync(path, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("A container's log", () => {
  test("stands at LogPath as Docker's JSON lines, with the attributes that were asked for", async () => {
    using container = new SpooledContainer(
      "json-file",
      { labels: "b", "env-regex": "^FO", tag: "{{.Name}}" },
      { labels: { a: "1", b: "<2>" }, env: ["FOO=bar", "NO=thing"] },
    );
    const logs = container.openLogs();
    container.follow(logs);
    container.write(conmonLine(0, "a\tb") + conmonLine(1, "err", "stderr"));
    await logs.end(container.container);
    expect(readFileSync(container.logPath, "utf8")).toBe(
      '{"log":"a\\u0009b\\n","stream":"stdout","attrs":{"FOO":"bar","b":"\\u003c2\\u003e","tag":"web"},"time":"2023-11-14T22:13:20Z"}\n' +
        '{"log":"err\\n","stream":"stderr","attrs":{"FOO":"bar","b":"\\u003c2\\u003e","tag":"web"},"time":"2023-11-14T22:13:21Z"}\n',
    );
    expect(readdirSync(container.directory)).toEqual([`${container.container.id}-json.log`]);
  });

  test("joins what conmon cut, cuts at 16 KiB, and never within a letter", async () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    container.follow(logs);
    const long = `${"x".repeat(16_383)}é${"y".repeat(10)}`;
    container.write(
      conmonLine(0, long.slice(0, 8000), "stdout", "P") +
        conmonLine(1, "between", "stderr") +
        conmonLine(2, long.slice(8000)) +
        conmonLine(3, "prompt> ", "stdout", "P"),
    );
    await logs.end(container.container);
    expect(rows(container.logPath).map(({ log }) => log)).toEqual([
      "between\n",
      "x".repeat(16_383),
      `é${"y".repeat(10)}\n`,
      "prompt> ",
    ]);
  });

  test("is read at once, though it was written this moment", async () => {
    using container = new SpooledContainer("local");
    const logs = container.openLogs();
    container.follow(logs);
    for (let i = 0; i < 20; i++) {
      container.write(numbers(i * 10, i * 10 + 10));
      expect(await container.read(logs)).toBe(texts(0, i * 10 + 10));
    }
    await logs.end(container.container);
    expect(await container.read(logs, { tail: 2 })).toBe(texts(198, 200));
  });

  test("is put aside when it is full, compressed, and read across its files", async () => {
    using container = new SpooledContainer("json-file", {
      "max-size": "1k",
      "max-file": "3",
      compress: "true",
    });
    const logs = container.openLogs();
    container.follow(logs);
    container.write(numbers(0, 80));
    await logs.end(container.container);
    const { id } = container.container;
    expect(readdirSync(container.directory).sort()).toEqual([
      `${id}-json.log`,
      `${id}-json.log.1.gz`,
      `${id}-json.log.2.gz`,
    ]);
    const kept = await container.read(logs);
    const first = Number(kept.match(/line (\d+)/)?.[1]);
    expect(first).toBeGreaterThan(0);
    expect(kept).toBe(texts(first, 80));
    expect(await container.read(logs, { tail: 15 })).toBe(texts(65, 80));
    for (const lines of [1, 16, 25]) {
      expect(await container.read(logs, { tail: lines })).toBe(texts(80 - lines, 80));
    }
  });

  test("is followed across its files with no line lost, however small they are", async () => {
    using container = new SpooledContainer("json-file", { "max-size": "300" });
    const logs = container.openLogs();
    container.follow(logs);
    const gone = Promise.withResolvers<void>();
    const request = { ...ALL, follow: true, writerGone: gone.promise };
    let text = "";
    let isReading = Promise.withResolvers<void>();
    const following = (async () => {
      for await (const batch of logs.read(container.container, request, NEVER)) {
        text += batch.content.toString();
        isReading.resolve();
      }
    })();
    container.write(numbers(0, 1));
    await isReading.promise;
    for (let i = 0; i < 50; i++) {
      isReading = Promise.withResolvers();
      container.write(numbers(i * 20 + 1, i * 20 + 21));
      await isReading.promise;
    }
    gone.resolve();
    await following;
    expect(text).toBe(texts(0, 1001));
    await logs.end(container.container);
  });

  test("goes on in another daemon with no line lost and none twice, wherever the first was killed", async () => {
    using container = new SpooledContainer("json-file", { "max-size": "20k", "max-file": "50" });
    let written = 0;
    for (let daemon = 0; daemon < 12; daemon++) {
      const logs = container.openLogs();
      container.follow(logs);
      const more = 37 * (daemon + 1);
      container.write(numbers(written, written + more));
      written += more;
      await container.read(logs, { tail: 1 });
      // Dies: nothing is closed, and its last checkpoint may be older than what it had kept.
      const checkpoint = `${container.spoolPath}.kept`;
      const old = readFileSync(checkpoint);
      container.write(numbers(written, written + 5));
      written += 5;
      await container.read(logs, { tail: 1 });
      await logs[Symbol.asyncDispose]();
      if (daemon % 2 === 0) writeFileSync(checkpoint, old);
      // A write that was cut off.
      if (daemon % 4 === 0) {
        const size = statSync(container.logPath).size;
        writeFileSync(container.logPath, readFileSync(container.logPath).subarray(0, size - 9));
      }
    }
    const logs = container.openLogs();
    await logs.end(container.container);
    expect(await container.read(logs)).toBe(texts(0, written));
    expect(container.warnings).toEqual([]);
  });

  test("goes on when conmon took a new file by itself, and passes over what a full disk cut off", async () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    container.follow(logs);
    container.write(numbers(0, 5));
    await container.read(logs);
    container.write(`2023-11-14T22:13:2${numbers(5, 6)}2023-11-14T22:13:2`);
    container.reopen();
    container.write(numbers(6, 10));
    expect(await container.read(logs)).toBe(texts(0, 10));
    await logs.end(container.container);
  });

  test("sends conmon on to a new file after 8 MiB, and holds the container when it is far behind", async () => {
    using container = new SpooledContainer("json-file");
    container.isSlow = true;
    const logs = container.openLogs();
    const block = conmonLine(0, "z".repeat(1000)).repeat(1000);
    for (let i = 0; i < 24; i++) container.write(block);
    container.follow(logs);
    let most = 0;
    const watching = setInterval(() => (most = Math.max(most, container.holds)), 0);
    await container.read(logs, { tail: 1 });
    clearInterval(watching);
    expect(most).toBe(1);
    const aside = `${container.spoolPath}.00000001`;
    expect(readdirSync(container.directory)).toContain("container.log.00000001");
    container.writeTo(aside);
    container.write(conmonLine(1, "still in the old file"));
    expect(await container.read(logs, { tail: 1 })).toBe("still in the old file\n");
    container.reopen();
    container.write(conmonLine(2, "in the new one"));
    await logs.end(container.container);
    expect(await container.read(logs, { tail: 2 })).toBe("still in the old file\nin the new one\n");
    expect(container.holds).toBe(0);
  });

  test("sends conmon on to a new file where little comes at a time too", async () => {
    using container = new SpooledContainer("json-file");
    const logs = container.openLogs();
    container.follow(logs);
    const block = conmonLine(0, "z".repeat(1000)).repeat(100);
    for (let i = 0; i < 90; i++) {
      container.write(block);
      await container.read(logs, { tail: 1 });
    }
    expect(statSync(container.spoolPath).size).toBeLessThan(2_000_000);
    await logs.end(container.container);
  });

  test("of `none` is neither kept nor read", () => {
    using container = new SpooledContainer("none");
    const logs = container.openLogs();
    expect(logs.capture(container.container)).toEqual({ target: "none" });
    expect(() => logs.read(container.container, ALL, NEVER)).toThrow(
      "configured logging driver does not support reading",
    );
  });
});
