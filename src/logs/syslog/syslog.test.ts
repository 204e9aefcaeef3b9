import { afterAll, describe, expect, test } from "bun:test";
import { entryOf, type Receiver, testShippingContract } from "#logs/testing/contract.ts";
import { openStreamReceiver, openUdpReceiver } from "#logs/testing/receivers.ts";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatSyslog, type SyslogFormat } from "./format.ts";
import { syslogDriver } from "./syslog.ts";

/** `<30>… id[42]: text` as the contract wants it: facility daemon, severity 6 or 3. */
function lineOf(message: string): string {
  const [, priority, text] =
    /^<(\d+)>.*?(?:\[42\]:|42 \S+ (?:-|\[[^\]]*\])) (.*)\n$/s.exec(message) ?? [];
  return `${priority === "30" ? "stdout" : priority === "27" ? "stderr" : priority} ${text}`;
}

function unpackLines(received: Buffer): { lines: string[]; taken: number } {
  const taken = received.lastIndexOf(0x0a) + 1;
  const messages = received.toString("utf8", 0, taken).split(/(?<=\n)/);
  return { lines: messages.filter((message) => message !== "").map(lineOf), taken };
}

/** RFC 5425. */
function unpackFramed(received: Buffer): { lines: string[]; taken: number } {
  const lines: string[] = [];
  let taken = 0;
  for (;;) {
    const head = /^(\d+) /.exec(received.toString("latin1", taken, taken + 10));
    const length = Number(head?.[1] ?? 0);
    const from = taken + (head?.[0].length ?? 0);
    if (!head || received.length < from + length) return { lines, taken };
    lines.push(lineOf(received.toString("utf8", from, from + length)));
    taken = from + length;
  }
}

const folder = mkdtempSync(join(tmpdir(), "wharf-syslog-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let sockets = 0;
const pem = (name: string): string =>
  join(import.meta.dir, `../../client/testdata/tls/${name}.pem`);
const receivers: Readonly<Record<string, () => Promise<Receiver>>> = {
  tcp: () =>
    openStreamReceiver({
      unpack: unpackLines,
      options: ({ port }) => ({ "syslog-address": `tcp://127.0.0.1:${port}` }),
    }),
  unix: () =>
    openStreamReceiver({
      unpack: unpackLines,
      path: join(folder, `s${sockets++}`),
      options: ({ path }) => ({ "syslog-address": `unix://${path}`, "syslog-format": "rfc5424" }),
    }),
  tls: () =>
    openStreamReceiver({
      unpack: unpackFramed,
      tls: {
        key: readFileSync(pem("server-key"), "utf8"),
        cert: readFileSync(pem("server"), "utf8"),
      },
      options: ({ port }) => ({
        "syslog-address": `tcp+tls://127.0.0.1:${port}`,
        "syslog-format": "rfc5424",
        "syslog-tls-ca-cert": pem("ca"),
      }),
    }),
  udp: () =>
    openUdpReceiver(
      (datagram) => [lineOf(datagram.toString())],
      (port) => ({
        "syslog-address": `udp://127.0.0.1:${port}`,
        "syslog-format": "rfc5424micro",
        labels: "tier",
      }),
    ),
};

for (const [kind, openReceiver] of Object.entries(receivers)) {
  testShippingContract({
    name: `syslog by ${kind}`,
    driver: syslogDriver,
    openReceiver,
    noticesAbsence: kind === "tcp",
  });
}

describe("syslog", () => {
  const source = {
    facility: 16,
    hostname: "host",
    tag: "web",
    pid: 42,
    attributes: { tier: 'a"b' },
  };
  const forms: Readonly<Record<SyslogFormat, string>> = {
    "": "<134>Nov 14 22:13:20 web[42]: text\n",
    rfc3164: "<134>Nov 14 22:13:20 host web[42]: text\n",
    rfc5424: '<134>1 2023-11-14T22:13:20Z host web 42 web [container@32473 tier="a\\"b"] text\n',
    rfc5424micro:
      '<134>1 2023-11-14T22:13:20.123456Z host web 42 web [container@32473 tier="a\\"b"] text\n',
  };
  for (const [format, wanted] of Object.entries(forms)) {
    test(`writes ${format || "the host's own form"}`, () => {
      const made = formatSyslog({ ...source, format: format as SyslogFormat }, entryOf("text"));
      expect(made.toString()).toBe(wanted);
    });
  }
});
