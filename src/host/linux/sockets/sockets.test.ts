import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotFoundError, UnavailableError } from "#base/errors.ts";
import { SystemClock } from "#host/linux/clock.ts";
import { openLibc } from "#host/linux/ffi/libc.ts";
import { LinuxSockets } from "./sockets.ts";
import { JsThread } from "#host/linux/thread.ts";

const libc = openLibc();
const sockets = new LinuxSockets({
  libc,
  clock: new SystemClock({ libc }),
  thread: new JsThread({ libc }),
});

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wharf-test-sockets-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Starts the other end, which sends `bytes`; lines that it prints come one by one. */
async function startServer(path: string, bytes: number): Promise<AsyncGenerator<string, void>> {
  const script = join(import.meta.dir, "../../testing/seqpacket-server.ts");
  const { stdout } = Bun.spawn([process.execPath, script, path, String(bytes)]);
  const lines = readLines(stdout);
  expect((await lines.next()).value).toBe("ready");
  return lines;
}

async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk)).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

describe("LinuxSockets.connectSeqpacket()", () => {
  test("carries packets both ways at once, unchanged, and each way ends by itself", async () => {
    const path = join(folder, "socket");
    const server = await startServer(path, 8 << 20);
    await using socket = await sockets.connectSeqpacket(path);
    const received = createHash("sha256");
    let packets = 0;
    const reading = (async () => {
      for await (const packet of socket.packets()) {
        packets += 1;
        received.update(packet);
      }
    })();
    const payload = Buffer.alloc(100_000, "0123456789");
    const sent = createHash("sha256");
    for (let round = 0; round < 80; round += 1) {
      await socket.send(payload);
      sent.update(payload);
    }
    await reading;
    expect((await server.next()).value).toBe(`sent ${packets} ${received.digest("hex")}`);
    // The server has ended its way; ours still goes.
    await socket.send(Buffer.from("last"));
    sent.update("last");
    socket.endWriting();
    // 100,000 bytes are four packets of at most 32 KiB.
    expect((await server.next()).value).toBe(`received ${80 * 4 + 1} ${sent.digest("hex")}`);
    expect((await server.next()).done).toBe(true);
  });

  test("keeps the order of sends that were not awaited", async () => {
    const path = join(folder, "socket");
    const server = await startServer(path, 0);
    await using socket = await sockets.connectSeqpacket(path);
    const sent = createHash("sha256");
    const sends = Array.from({ length: 50 }, (_, at) => {
      const payload = Buffer.alloc(40_000, at);
      sent.update(payload);
      return socket.send(payload);
    });
    socket.endWriting();
    await Promise.all(sends);
    expect((await server.next()).value).toMatch(/^sent 0 /);
    expect((await server.next()).value).toBe(`received 100 ${sent.digest("hex")}`);
  });

  test("reads nothing ahead of its reader but what fits its small queue", async () => {
    const path = join(folder, "socket");
    const bytes = 4 << 20;
    const server = await startServer(path, bytes);
    await using socket = await sockets.connectSeqpacket(path);
    const packets = socket.packets()[Symbol.asyncIterator]();
    const first = await packets.next();
    // The server cannot finish while nobody pulls: its next line comes only after the rest was read.
    let isSent = false;
    const line = server.next().then(({ value }) => {
      isSent = true;
      return value;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isSent).toBe(false);
    let received = first.done === true ? 0 : first.value.length;
    for (let next = await packets.next(); next.done !== true; next = await packets.next()) {
      received += next.value.length;
    }
    expect(received).toBe(bytes);
    expect(await line).toMatch(/^sent /);
  });

  test("takes a path longer than the kernel's 108 bytes", async () => {
    const deep = join(folder, "d".repeat(100), "e".repeat(100));
    mkdirSync(deep, { recursive: true });
    // The server binds by a short way to the same folder.
    const link = join(folder, "short");
    await Bun.$`ln -s ${deep} ${link}`.quiet();
    const server = await startServer(join(link, "socket"), 10);
    await using socket = await sockets.connectSeqpacket(join(deep, "socket"));
    socket.endWriting();
    let received = 0;
    for await (const packet of socket.packets()) received += packet.length;
    expect(received).toBe(10);
    expect((await server.next()).value).toMatch(/^sent 2 /);
  });

  test("says why it cannot connect, and that the other end is gone", async () => {
    const path = join(folder, "socket");
    expect(sockets.connectSeqpacket(path)).rejects.toThrow(NotFoundError);
    const server = await startServer(path, 0);
    await using socket = await sockets.connectSeqpacket(path);
    await socket[Symbol.asyncDispose]();
    expect(socket.send(Buffer.from("x"))).rejects.toThrow(UnavailableError);
    for await (const _ of server);
    expect(sockets.connectSeqpacket(path)).rejects.toThrow(UnavailableError);
  });
});

describe("LinuxSockets.reservePort()", () => {
  test("keeps a port from others until it is given back", () => {
    for (const protocol of ["tcp", "udp"] as const) {
      const port = 40_000 + (process.pid % 20_000);
      const held = sockets.reservePort(protocol, "127.0.0.1", port);
      expect(held).toBeDefined();
      expect(sockets.reservePort(protocol, "127.0.0.1", port)).toBeUndefined();
      expect(sockets.reservePort(protocol, "0.0.0.0", port)).toBeUndefined();
      const other = sockets.reservePort(protocol, "::1", port);
      expect(other).toBeDefined();
      for (const fd of [held, other]) if (fd !== undefined) sockets.closeDescriptor(fd);
      const again = sockets.reservePort(protocol, "127.0.0.1", port);
      expect(again).toBeDefined();
      if (again !== undefined) sockets.closeDescriptor(again);
    }
  });

  test("finds a server's port in use, and an address that is not here not-found", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    expect(sockets.reservePort("tcp", "127.0.0.1", port)).toBeUndefined();
    await new Promise((resolve) => server.close(resolve));
    expect(() => sockets.reservePort("tcp", "203.0.113.1", port)).toThrow(NotFoundError);
  });
});
