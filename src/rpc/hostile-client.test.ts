import { expect, test } from "bun:test";
import {
  CONTINUATION,
  DATA,
  encodeFrame,
  encodeNumber,
  type Frame,
  FrameSplitter,
  GO_AWAY,
  HEADERS,
  PING,
  PREFACE,
  RESET,
  WINDOW_UPDATE,
} from "./http2/frames.ts";
import { encodeFields } from "./http2/hpack.ts";
import type { RpcCall, RpcMethods } from "./method.ts";
import { serveRpc } from "./server.ts";
import { MemoryConnection } from "./testing/memory-connection.ts";

const never = new AbortController().signal;
const methods: RpcMethods = new Map([
  [
    "/t/wait",
    async function* wait(call: RpcCall) {
      yield Buffer.from("begun");
      await new Promise((_, reject) => {
        call.signal.addEventListener("abort", () => reject(call.signal.reason), { once: true });
      });
    },
  ],
]);
const quiet = { methods, onFailure: () => undefined };

/** A client that says what it likes. @returns The frames that it is answered, at the end of the connection. */
async function lie(frames: readonly Partial<Frame>[]): Promise<readonly Frame[]> {
  const [one, two] = MemoryConnection.pair();
  const serving = serveRpc(two, quiet, never);
  const bytes = frames.map((frame) =>
    encodeFrame({ type: DATA, flags: 0, streamId: 1, payload: new Uint8Array(), ...frame }),
  );
  await one.write(Buffer.concat([PREFACE, ...bytes]));
  await serving;
  const splitter = new FrameSplitter();
  const answered: Frame[] = [];
  for (let chunk = await one.read(); chunk; chunk = await one.read()) {
    answered.push(...splitter.push(chunk));
  }
  return answered;
}

const begin = (path: string): Partial<Frame> => ({
  type: HEADERS,
  flags: 4,
  payload: encodeFields([
    [":method", "POST"],
    [":path", path],
  ]),
});
const full: Partial<Frame> = { payload: new Uint8Array(16 * 1024) };
const lies: Readonly<Record<string, readonly Partial<Frame>[]>> = {
  "sends past the stream's window": [begin("/t/wait"), ...Array.from({ length: 70 }, () => full)],
  "opens our window past its bounds": [
    { type: WINDOW_UPDATE, streamId: 0, payload: encodeNumber(2 ** 31 - 1) },
  ],
  "begins a stream with a server's number": [{ ...begin("/t/wait"), streamId: 2 }],
  "goes on with headers that are none": [{ type: CONTINUATION, payload: new Uint8Array(3) }],
  "never ends its headers": [
    { ...begin("/t/wait"), flags: 0 },
    ...Array.from({ length: 70 }, () => ({ ...full, type: CONTINUATION })),
  ],
  "sends data between headers": [{ ...begin("/t/wait"), flags: 0 }, full],
  "has a frame that is too long": [{ payload: new Uint8Array(16 * 1024 + 1) }],
};

for (const [lied, frames] of Object.entries(lies)) {
  test(`a client that ${lied} is told so and cut off`, async () => {
    const answered = await lie(frames);
    expect(answered.at(-1)?.type).toBe(GO_AWAY);
  });
}

test("a client that pings and does not read is cut off, and holds no memory", async () => {
  const pings = Buffer.concat(
    Array.from({ length: 1000 }, () =>
      encodeFrame({ type: PING, flags: 0, streamId: 0, payload: new Uint8Array(8) }),
    ),
  );
  let isClosed = false;
  let read = 0;
  await serveRpc(
    {
      read: () => Promise.resolve(read++ === 0 ? PREFACE : isClosed ? undefined : pings),
      write: () => new Promise(() => undefined),
      close: () => {
        isClosed = true;
      },
    },
    quiet,
    never,
  );
  expect(read).toBeLessThan(100);
});

test("a client that begins calls and gives them up at once has no more of them than others", async () => {
  const [one, two] = MemoryConnection.pair();
  let running = 0;
  let most = 0;
  const slow: RpcMethods = new Map([
    [
      "/t/slow",
      async function* stubborn() {
        yield* [];
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, 20));
        running--;
      },
    ],
  ]);
  const serving = serveRpc(two, { methods: slow, onFailure: () => undefined }, never);
  const frames = Array.from({ length: 1000 }, (_, index) => [
    encodeFrame({ ...(begin("/t/slow") as Frame), streamId: 2 * index + 1 }),
    encodeFrame({ type: RESET, flags: 0, streamId: 2 * index + 1, payload: encodeNumber(8) }),
  ]);
  await one.write(Buffer.concat([PREFACE, ...frames.flat()]));
  while (most === 0 || running > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(most).toBeLessThanOrEqual(200);
  one.close();
  await serving;
});
