import { describe, expect, test } from "bun:test";
import { gunzipSync, inflateSync } from "node:zlib";
import {
  entryOf,
  loggedContainer,
  SHIPPING_PARTS,
  testShippingContract,
} from "#logs/testing/contract.ts";
import { openStreamReceiver, openUdpReceiver } from "#logs/testing/receivers.ts";
import { gelfDriver } from "./gelf.ts";

const NEVER = new AbortController().signal;
const seen: Record<string, unknown>[] = [];

function lineOf(json: string): string {
  const message = JSON.parse(json) as Record<string, unknown>;
  seen.push(message);
  return `${message["level"] === 6 ? "stdout" : "stderr"} ${String(message["short_message"])}`;
}

/** Chunks by the id of their message. */
const pending = new Map<string, Buffer[]>();

function unpackDatagram(datagram: Buffer): readonly string[] {
  let message = datagram;
  if (datagram.readUInt16BE(0) === 0x1e0f) {
    const id = datagram.toString("hex", 2, 10);
    const chunks = pending.get(id) ?? [];
    pending.set(id, chunks);
    chunks[datagram[10] ?? 0] = datagram.subarray(12);
    if (Object.keys(chunks).length < (datagram[11] ?? 0)) return [];
    message = Buffer.concat(chunks);
  }
  if (message.readUInt16BE(0) === 0x1f8b) return [lineOf(gunzipSync(message).toString())];
  if (message[0] === 0x78) return [lineOf(inflateSync(message).toString())];
  return [lineOf(message.toString())];
}

for (const compression of ["gzip", "zlib", "none"]) {
  testShippingContract({
    name: `gelf by udp, ${compression}`,
    driver: gelfDriver,
    openReceiver: () =>
      openUdpReceiver(unpackDatagram, (port) => ({
        "gelf-address": `udp://127.0.0.1:${port}`,
        "gelf-compression-type": compression,
      })),
    noticesAbsence: false,
  });
}

const openTcp = (more: Record<string, string> = {}): ReturnType<typeof openStreamReceiver> =>
  openStreamReceiver({
    unpack: (received) => {
      const taken = received.lastIndexOf(0) + 1;
      const messages = received.toString("utf8", 0, taken).split("\0").slice(0, -1);
      return { lines: messages.map(lineOf), taken };
    },
    options: ({ port }) => ({ "gelf-address": `tcp://127.0.0.1:${port}`, ...more }),
  });

testShippingContract({
  name: "gelf by tcp",
  driver: gelfDriver,
  openReceiver: openTcp,
  noticesAbsence: true,
});

describe("gelf", () => {
  test("sends Docker's fields, and no empty message", async () => {
    await using receiver = await openTcp({ labels: "tier", "env-regex": "^PL" });
    await using shipper = await gelfDriver(SHIPPING_PARTS).open(
      loggedContainer("gelf", receiver.options),
      NEVER,
    );
    seen.length = 0;
    await shipper.send([entryOf(""), entryOf("text", 0, "stderr")], NEVER);
    await receiver.lines(1);
    expect(seen).toEqual([
      {
        version: "1.1",
        host: "host",
        short_message: "text",
        timestamp: 1_700_000_000.123,
        level: 3,
        _command: "sh -c true",
        _container_id: "c".repeat(64),
        _container_name: "web",
        _created: "2023-11-14T22:13:20.123456789Z",
        _image_id: `sha256:${"a".repeat(64)}`,
        _image_name: "busybox:latest",
        _tag: "c".repeat(12),
        _tier: "front",
        _PLACE: "here",
      },
    ]);
  });

  test("refuses in Docker's words", () => {
    const driver = gelfDriver(SHIPPING_PARTS);
    const udp = { "gelf-address": "udp://a:1" };
    const tcp = { "gelf-address": "tcp://a:1" };
    const cases: readonly (readonly [Record<string, string>, string])[] = [
      [{}, "gelf-address is a required parameter"],
      [{ "gelf-address": "x" }, "gelf: endpoint needs to be TCP or UDP"],
      [{ "gelf-address": "udp://a" }, "gelf: please provide gelf-address as proto://host:port"],
      [
        { ...udp, "gelf-compression-type": "x" },
        'unknown value "x" for log opt "gelf-compression-type" for gelf log driver',
      ],
      [{ ...tcp, "gelf-compression-type": "gzip" }, "compression is only supported on UDP"],
      [{ ...udp, "gelf-tcp-max-reconnect": "1" }, '"gelf-tcp-max-reconnect" is only valid for TCP'],
      [
        { ...tcp, "gelf-tcp-reconnect-delay": "x" },
        '"gelf-tcp-reconnect-delay" must be a positive integer',
      ],
    ];
    for (const [options, message] of cases) {
      expect(() => driver.validate(options)).toThrow(message);
    }
  });
});
