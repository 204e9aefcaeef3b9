import { describe, expect, test } from "bun:test";
import {
  entryOf,
  loggedContainer,
  SHIPPING_PARTS,
  testShippingContract,
} from "#logs/testing/contract.ts";
import { openStreamReceiver } from "#logs/testing/receivers.ts";
import { fluentdDriver } from "./fluentd.ts";
import { parseFluentdOptions } from "./options.ts";
import { decodeMessages, type ForwardMessage } from "./testing/decode.ts";

const NEVER = new AbortController().signal;
const seen: ForwardMessage[] = [];

function unpack(received: Buffer): ReturnType<Parameters<typeof openStreamReceiver>[0]["unpack"]> {
  const { messages, taken } = decodeMessages(received);
  seen.push(...messages);
  const chunks = messages.flatMap(({ option }) => (option["chunk"] ? [option["chunk"]] : []));
  return {
    lines: messages.map(({ record }) => `${record["source"]} ${record["log"]}`),
    taken,
    // {"ack": chunk} with a string of 8 bits' length
    answer: Buffer.concat(
      chunks.map((chunk) =>
        Buffer.from(`\x81\xa3ack\xd9${String.fromCharCode(chunk.length)}${chunk}`, "latin1"),
      ),
    ),
  };
}

for (const [kind, more] of Object.entries({
  plain: {},
  acknowledged: { "fluentd-request-ack": "true", "fluentd-sub-second-precision": "true" },
})) {
  testShippingContract({
    name: `fluentd, ${kind}`,
    driver: fluentdDriver,
    openReceiver: () =>
      openStreamReceiver({
        unpack,
        options: ({ port }) => ({
          "fluentd-address": `127.0.0.1:${port}`,
          "fluentd-retry-wait": "1ms",
          ...more,
        }),
      }),
    noticesAbsence: true,
  });
}

describe("fluentd", () => {
  test("sends tag, time, fields, attributes and pieces as Docker does", async () => {
    await using receiver = await openStreamReceiver({
      unpack,
      options: ({ port }) => ({
        "fluentd-address": `tcp://127.0.0.1:${port}`,
        "fluentd-sub-second-precision": "true",
        tag: "{{.Name}}",
        labels: "tier",
        env: "PLACE",
      }),
    });
    const shipper = await fluentdDriver(SHIPPING_PARTS).open(
      loggedContainer("fluentd", receiver.options),
      NEVER,
    );
    const part = { id: "p", ordinal: 1, isLast: false };
    seen.length = 0;
    await shipper.send([{ ...entryOf("half"), part }], NEVER);
    await receiver.lines(1);
    await shipper[Symbol.asyncDispose]();
    expect(seen).toEqual([
      {
        tag: "web",
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
        record: {
          container_id: "c".repeat(64),
          container_name: "/web",
          tier: "front",
          PLACE: "here",
          source: "stdout",
          log: "half",
          partial_message: "true",
          partial_id: "p",
          partial_ordinal: "1",
          partial_last: "false",
        },
        option: {},
      },
    ]);
  });

  test("starts though nobody listens when it is asynchronous, and gives up after its retries", async () => {
    const warnings: string[] = [];
    const parts = { ...SHIPPING_PARTS, warn: (message: string) => void warnings.push(message) };
    await using receiver = await openStreamReceiver({
      unpack,
      options: ({ port }) => ({
        "fluentd-address": `127.0.0.1:${port}`,
        "fluentd-async": "true",
        "fluentd-max-retries": "2",
        "fluentd-retry-wait": "1ms",
      }),
    });
    await receiver.leave();
    const container = loggedContainer("fluentd", receiver.options);
    await using shipper = await fluentdDriver(parts).open(container, NEVER);
    const batch = [entryOf("lost")];
    expect(shipper.send(batch, NEVER)).rejects.toThrow("connection refused");
    expect(shipper.send(batch, NEVER)).rejects.toThrow("connection refused");
    await shipper.send(batch, NEVER);
    expect(warnings).toHaveLength(1);
    expect(fluentdDriver(parts).delivery?.(container.options)?.isBlocking).toBe(false);
  });

  test("refuses in Docker's words", () => {
    const cases: readonly (readonly [Record<string, string>, string])[] = [
      [
        { "fluentd-address": "foo://x" },
        "invalid fluentd-address (foo://x): unsupported scheme: 'foo'",
      ],
      [
        { "fluentd-address": "1.2.3.4:99999999" },
        'invalid fluentd-address (1.2.3.4:99999999): invalid port: strconv.ParseUint: parsing "99999999": value out of range',
      ],
      [{ "fluentd-address": "unix://" }, "invalid fluentd-address (unix://): path is empty"],
      [
        { "fluentd-address": "host:1/path" },
        "invalid fluentd-address (host:1/path): should not contain a path element",
      ],
      [{ "fluentd-async": "x" }, 'strconv.ParseBool: parsing "x": invalid syntax'],
      [{ "fluentd-buffer-limit": "x" }, "invalid size: 'x'"],
      [{ "fluentd-retry-wait": "x" }, 'time: invalid duration "x"'],
      [{ "fluentd-max-retries": "-1" }, 'strconv.ParseUint: parsing "-1": invalid syntax'],
      [
        { "fluentd-async-reconnect-interval": "1ms" },
        'invalid value for fluentd-async-reconnect-interval: value ("1ms") must be between 100ms and 10s',
      ],
      [
        { "fluentd-write-timeout": "1x" },
        'invalid value for fluentd-write-timeout: value must be a duration: time: unknown unit "x" in duration "1x"',
      ],
    ];
    for (const [options, message] of cases) {
      expect(() => parseFluentdOptions(options)).toThrow(message);
    }
  });
});
