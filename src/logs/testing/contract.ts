import { describe, expect, test } from "bun:test";
import { UnavailableError, WharfError } from "#base/errors.ts";
import { FakeSockets } from "#host/fake/sockets.ts";
import type { LogEntry, LoggedContainer, LogOptions, ShippingDriver } from "#logs/logs.ts";
import type { ShippingParts } from "#logs/wire/parts.ts";

/** The other end, as a test plays it. */
export interface Receiver extends AsyncDisposable {
  /** Options that lead to it. */
  readonly options: LogOptions;
  /** `stdout one`, in the order of their coming; resolves once there are `count`. */
  lines(count: number): Promise<readonly string[]>;
  /** Goes and comes again at the same place; absent where the sender cannot notice. */
  restart?(): Promise<void>;
  /** Goes for good. */
  leave(): Promise<void>;
}

export interface ContractOptions {
  readonly name: string;
  readonly driver: (parts: ShippingParts) => ShippingDriver;
  readonly openReceiver: () => Promise<Receiver>;
  /** Nobody at the other end is noticed at `open`. */
  readonly noticesAbsence: boolean;
}

const NEVER = new AbortController().signal;
const START = 1_700_000_000_123_456_789n;

export const SHIPPING_PARTS: ShippingParts = {
  sockets: new FakeSockets(),
  clock: { delay: async () => await Bun.sleep(1) },
  hostname: "host",
  pid: 42,
  randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  warn: () => undefined,
};

export function entryOf(text: string, index = 0, stream: "stdout" | "stderr" = "stdout"): LogEntry {
  return {
    stream,
    timeNanos: START + BigInt(index),
    bytes: Buffer.from(`${text}\n`),
    isPartial: false,
  };
}

export function loggedContainer(driver: string, options: LogOptions): LoggedContainer {
  return {
    id: "c".repeat(64),
    name: "web",
    directory: "",
    imageId: `sha256:${"a".repeat(64)}`,
    imageName: "busybox:latest",
    command: ["sh", "-c", "true"],
    createdNanos: START,
    labels: { tier: "front" },
    env: ["PLACE=here"],
    driver,
    options,
  };
}

/** What every driver that sends away must do. */
export function testShippingContract(options: ContractOptions): void {
  const { name, driver, openReceiver, noticesAbsence } = options;
  describe(`${name}: a shipping driver`, () => {
    const open = async (receiver: Receiver, parts: ShippingParts = SHIPPING_PARTS) => {
      const made = driver(parts);
      made.validate(receiver.options);
      return await made.open(loggedContainer(made.name, receiver.options), NEVER);
    };

    test("sends lines of both streams in order, whatever their bytes and length", async () => {
      await using receiver = await openReceiver();
      await using shipper = await open(receiver);
      const long = "é".repeat(8000);
      await shipper.send([entryOf("one"), entryOf("two", 1, "stderr")], NEVER);
      await shipper.send([entryOf(`"quoted" <&> \\`, 2), entryOf(long, 3)], NEVER);
      expect(await receiver.lines(4)).toEqual([
        "stdout one",
        "stderr two",
        `stdout "quoted" <&> \\`,
        `stdout ${long}`,
      ]);
    });

    test("takes a thousand at once", async () => {
      await using receiver = await openReceiver();
      await using shipper = await open(receiver);
      for (let i = 0; i < 10; i++) {
        const batch = Array.from({ length: 100 }, (_, j) => entryOf(`n${i * 100 + j}`));
        await shipper.send(batch, NEVER);
        await receiver.lines((i + 1) * 100); // what goes by datagrams may be dropped when it is too much
      }
      const wanted = Array.from({ length: 1000 }, (_, i) => `stdout n${i}`);
      expect(await receiver.lines(1000)).toEqual(wanted);
    });

    test("refuses an option that it cannot read", () => {
      const made = driver(SHIPPING_PARTS);
      for (const option of made.options) {
        if (!option.endsWith("-address")) continue;
        expect(() => made.validate({ [option]: "nosuch://x" })).toThrow(WharfError);
      }
    });

    if (noticesAbsence) {
      test("says at once that nobody is there", async () => {
        await using receiver = await openReceiver();
        await receiver.leave();
        expect(open(receiver)).rejects.toThrow(UnavailableError);
      });

      test("finds a receiver that went and came again", async () => {
        await using receiver = await openReceiver();
        await using shipper = await open(receiver);
        await shipper.send([entryOf("before")], NEVER);
        await receiver.lines(1);
        await receiver.restart?.();
        // What is written before the end of the connection is seen is lost, where nothing is acknowledged.
        const next = receiver.lines(2);
        let isThere = false;
        void next.then(() => (isThere = true));
        for (let tries = 0; tries < 200 && !isThere; tries++) {
          await shipper.send([entryOf("after", 1)], NEVER).catch((error: unknown) => {
            if (!(error instanceof UnavailableError)) throw error;
          });
          await Bun.sleep(1);
        }
        expect((await next)[1]).toBe("stdout after");
      });
    }

    test("ends with its signal", async () => {
      await using receiver = await openReceiver();
      await using shipper = await open(receiver);
      expect(shipper.send([entryOf("late")], AbortSignal.abort())).rejects.toThrow();
    });
  });
}
