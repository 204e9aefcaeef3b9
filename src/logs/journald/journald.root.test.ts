import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { openLinuxHost } from "#host/linux/host.ts";
import type { Host } from "#host/host.ts";
import {
  entryOf,
  loggedContainer,
  type Receiver,
  SHIPPING_PARTS,
  testShippingContract,
} from "#logs/testing/contract.ts";
import { syslogDriver } from "#logs/syslog/syslog.ts";
import { journaldDriver } from "./journald.ts";

const JOURNALD = "/lib/systemd/systemd-journald";
const NEVER = new AbortController().signal;
/** A journald of the test's own, beside the host's. */
const NAMESPACE = `wharf${process.pid}`;
const FOLDER = `/run/systemd/journal.${NAMESPACE}`;

type Row = Readonly<Record<string, unknown>>;

let host: Host;
let journald: Bun.Subprocess | undefined;
/** Every test reads the rows that came after those before it. */
let seen = 0;

const hasJournald = existsSync(JOURNALD) && existsSync("/etc/machine-id");

beforeAll(async () => {
  if (!hasJournald) return;
  host = await openLinuxHost();
  journald = Bun.spawn([JOURNALD, NAMESPACE], { stdout: "ignore", stderr: "ignore" });
  while (!existsSync(`${FOLDER}/socket`)) await Bun.sleep(5);
});

afterAll(async () => {
  journald?.kill();
  await journald?.exited;
  await host?.[Symbol.asyncDispose]();
  const machine = hasJournald ? readFileSync("/etc/machine-id", "utf8").trim() : "";
  rmSync(FOLDER, { recursive: true, force: true });
  for (const root of ["/var/log/journal", "/run/log/journal"]) {
    rmSync(`${root}/${machine}.${NAMESPACE}`, { recursive: true, force: true });
  }
});

/** Rows that a container or its tag wrote. */
async function rows(count: number, match: string): Promise<readonly Row[]> {
  for (;;) {
    const query = Bun.spawn(
      ["journalctl", `--namespace=${NAMESPACE}`, "-o", "json", "--all", match],
      {
        stderr: "ignore",
      },
    );
    const text = await new Response(query.stdout).text();
    const found = text.split("\n").filter((line) => line.startsWith("{"));
    if (found.length >= count) return found.map((line) => JSON.parse(line) as Row);
    await Bun.sleep(10);
  }
}

async function openReceiver(): Promise<Receiver> {
  const before = seen;
  return {
    options: {},
    lines: async (count) => {
      const found = await rows(before + count, `CONTAINER_ID=${"c".repeat(12)}`);
      seen = found.length;
      return found
        .slice(before)
        .map((row) => `${row["PRIORITY"] === "6" ? "stdout" : "stderr"} ${messageOf(row)}`);
    },
    leave: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** journalctl shows what is no plain text as an array of bytes. */
function messageOf({ MESSAGE: message }: Row): string {
  return Array.isArray(message) ? Buffer.from(message as number[]).toString() : String(message);
}

describe.skipIf(!hasJournald)("with a real journald", () => {
  const parts = () => ({ ...SHIPPING_PARTS, sockets: host.sockets });
  testShippingContract({
    name: "journald",
    driver: () => journaldDriver(parts(), `${FOLDER}/socket`),
    openReceiver,
    noticesAbsence: false,
  });

  test("journald has Docker's fields", async () => {
    const container = {
      ...loggedContainer("journald", { labels: "tier", tag: "{{.Name}}" }),
      id: "d".repeat(64),
    };
    await using shipper = await journaldDriver(parts(), `${FOLDER}/socket`).open(container, NEVER);
    const part = { id: "p", ordinal: 2, isLast: true };
    await shipper.send([{ ...entryOf("two\nlines"), part }], NEVER);
    const [row] = await rows(1, `CONTAINER_ID_FULL=${container.id}`);
    expect(row).toMatchObject({
      CONTAINER_ID: "d".repeat(12),
      CONTAINER_NAME: "web",
      CONTAINER_TAG: "web",
      SYSLOG_IDENTIFIER: "web",
      IMAGE_NAME: "busybox:latest",
      TIER: "front",
      PRIORITY: "6",
      MESSAGE: "two\nlines",
      SYSLOG_TIMESTAMP: "2023-11-14T22:13:20.123456789Z",
      CONTAINER_PARTIAL_ID: "p",
      CONTAINER_PARTIAL_ORDINAL: "2",
      CONTAINER_PARTIAL_LAST: "true",
      CONTAINER_LOG_ORDINAL: "1",
    });
  });

  test("syslog reaches the host's own socket in the form that it reads", async () => {
    const options = {
      "syslog-address": `unixgram://${FOLDER}/dev-log`,
      "syslog-facility": "local3",
      tag: `sys${process.pid}`,
    };
    await using shipper = await syslogDriver(parts()).open(
      loggedContainer("syslog", options),
      NEVER,
    );
    await shipper.send([entryOf("an error", 0, "stderr")], NEVER);
    const [row] = await rows(1, `SYSLOG_IDENTIFIER=sys${process.pid}`);
    expect(row).toMatchObject({
      PRIORITY: "3",
      SYSLOG_FACILITY: "19",
      SYSLOG_PID: "42",
      MESSAGE: "an error",
    });
  });

  test("journald is said to be missing where it is", () => {
    const opening = journaldDriver(parts(), `${FOLDER}/nosuch`).open(
      loggedContainer("journald", {}),
      NEVER,
    );
    expect(opening).rejects.toThrow("journald is not enabled on this host");
  });
});
