// Logs that are sent away: by syslog, fluentd and GELF, read from the engine's own copy.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeMessages } from "#logs/fluentd/testing/decode.ts";
import { openStreamReceiver } from "#logs/testing/receivers.ts";
import { startEngine, type TestEngine } from "../../harness/engine.ts";
import { waitUntil } from "../../harness/wait-until.ts";

const count = (lines: number, pause = ":"): string =>
  `i=0; while [ $i -lt ${lines} ]; do echo line $i; i=$((i+1)); ${pause}; done`;
const texts = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join("");

let engine: TestEngine;
beforeAll(async () => {
  engine = await startEngine();
});
afterAll(async () => await engine[Symbol.asyncDispose]());

const run = (...args: readonly string[]): Promise<string> =>
  engine.mustDocker("run", "-d", ...args);
const logs = async (name: string, ...args: readonly string[]): Promise<string> =>
  (await engine.docker(["logs", ...args, name])).stdout;

describe("a log that is sent away", () => {
  const lines = (unpack: (received: Buffer) => { lines: string[]; taken: number }, name: string) =>
    openStreamReceiver({ unpack, options: ({ port }) => ({ [name]: `tcp://127.0.0.1:${port}` }) });
  const flags = (options: Readonly<Record<string, string>>): string[] =>
    Object.entries(options).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]);
  const splitBy = (mark: string, line: (text: string) => string) => (received: Buffer) => {
    const taken = received.lastIndexOf(mark) + 1;
    const all = received.toString("utf8", 0, taken).split(mark).slice(0, -1);
    return { lines: all.map(line), taken };
  };
  const cases = {
    syslog: {
      option: "syslog-address",
      unpack: splitBy("\n", (text) => text.replace(/^.*?\]: /, "")),
    },
    gelf: {
      option: "gelf-address",
      unpack: splitBy(
        "\0",
        (text) => (JSON.parse(text) as { short_message: string }).short_message,
      ),
    },
    fluentd: {
      option: "fluentd-address",
      unpack: (received: Buffer) => {
        const { messages, taken } = decodeMessages(received);
        return { lines: messages.map(({ record }) => record["log"] ?? ""), taken };
      },
    },
  };
  for (const [driver, { option, unpack }] of Object.entries(cases)) {
    test(`by ${driver} arrives, is read from the copy, and goes on after the engine was killed`, async () => {
      await using receiver = await lines(unpack, option);
      await run(
        "--name",
        driver,
        "--log-driver",
        driver,
        ...flags(receiver.options),
        "busybox",
        "sh",
        "-c",
        count(400, "usleep 3000"),
      );
      await receiver.lines(50);
      await engine.crash();
      await engine.start();
      await engine.mustDocker("wait", driver);
      const wanted = texts(0, 400);
      expect(await logs(driver)).toBe(wanted);
      const got = await waitUntil("all has arrived", async () => {
        const all = await receiver.lines(400);
        return all.at(-1) === "line 399" && all;
      });
      // What was under way when the engine was killed may come twice, and nothing is missing.
      expect([...new Set(got)].map((line) => `${line}\n`).join("")).toBe(wanted);
      await engine.mustDocker("rm", driver);
    }, 30_000);
  }

  test("does not start a container whose receiver is not there, as docker does not", async () => {
    await using receiver = await lines(cases.fluentd.unpack, "fluentd-address");
    await receiver.leave();
    const { stderr } = await engine.docker([
      "run",
      "--log-driver",
      "fluentd",
      ...flags(receiver.options),
      "busybox",
      "true",
    ]);
    expect(stderr).toContain("failed to initialize logging driver: dial tcp 127.0.0.1:");
    expect(stderr).toContain("connect: connection refused");
  });

  test("holds no container up that does not want to wait, and has no copy where that is off", async () => {
    const address = [
      "--log-opt",
      "syslog-address=udp://127.0.0.1:9",
      "--log-opt",
      "cache-disabled=true",
    ];
    const mode = ["--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=64k"];
    await engine.mustDocker(
      "run",
      "--name",
      "quick",
      "--log-driver",
      "syslog",
      ...address,
      ...mode,
      "busybox",
      "sh",
      "-c",
      count(20_000),
    );
    const { stderr } = await engine.docker(["logs", "quick"]);
    expect(stderr).toContain("configured logging driver does not support reading");
  });

  test("reaches busybox's syslogd", async () => {
    const folder = join(engine.root, "syslogd");
    mkdirSync(folder);
    await run(
      "--name",
      "syslogd",
      "-v",
      `${folder}:/out`,
      "busybox",
      "sh",
      "-c",
      "ln -s /out/log /dev/log; exec busybox syslogd -n -O /out/messages",
    );
    await waitUntil("syslogd listens", () => existsSync(join(folder, "log")));
    await engine.mustDocker(
      "run",
      "--log-driver",
      "syslog",
      "--log-opt",
      `syslog-address=unixgram://${folder}/log`,
      "--log-opt",
      "syslog-facility=local1",
      "--log-opt",
      "tag=shop/{{.Name}}",
      "--name",
      "seller",
      "busybox",
      "sh",
      "-c",
      "echo sold; echo broke >&2",
    );
    const messages = await waitUntil("syslogd has written", () => {
      const path = join(folder, "messages");
      const text = existsSync(path) ? readFileSync(path, "utf8") : "";
      return text.includes("broke") && text;
    });
    expect(messages).toMatch(/ local1\.info shop\/seller\[\d+\]: sold\n/);
    expect(messages).toMatch(/ local1\.err shop\/seller\[\d+\]: broke\n/);
  });
});
