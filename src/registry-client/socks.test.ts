import { afterEach, expect, test } from "bun:test";
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { rejectionOf } from "#base/testing/rejection.ts";
import { offlineRegistries } from "./testing/offline.ts";

const never = new AbortController().signal;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(server: Server | HttpServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A SOCKS5 proxy that wants a password and takes every name for this machine. */
async function openProxy(asked: string[], reply = 0): Promise<number> {
  const steps = (socket: Socket): ((bytes: Buffer) => void)[] => [
    () => socket.write(Buffer.from([5, 2])),
    (bytes) => {
      const name = bytes.subarray(2, 2 + (bytes[1] ?? 0)).toString();
      socket.write(Buffer.from([1, name === "ann" ? 0 : 1]));
    },
    (bytes) => {
      const length = bytes[4] ?? 0;
      const port = bytes.readUInt16BE(5 + length);
      asked.push(bytes.subarray(5, 5 + length).toString());
      socket.write(Buffer.from([5, reply, 0, 1, 0, 0, 0, 0, 0, 0]));
      if (reply !== 0) return void socket.end();
      const target = connect(port, "127.0.0.1");
      target.on("error", () => socket.destroy());
      socket.removeAllListeners("data");
      socket.pipe(target).pipe(socket);
    },
  ];
  return await listen(
    createServer((socket) => {
      const left = steps(socket);
      socket.on("error", () => undefined);
      socket.on("data", (bytes: Buffer) => left.shift()?.(bytes));
    }),
  );
}

async function tagsBy(proxy: string): Promise<readonly string[]> {
  const registry = createHttpServer((request, response) => {
    const body = request.url === "/v2/" ? {} : { tags: ["1", "2"] };
    response.end(JSON.stringify(body));
  });
  const domain = `registry.test:${await listen(registry)}`;
  using client = offlineRegistries({
    insecure: [domain],
    proxies: { http: proxy, https: proxy, none: "" },
  });
  const repository = await client.repository({ domain, path: "a/b" }, {}, "pull");
  return await repository.tags(never);
}

test("a registry is reached through SOCKS5, which looks its name up", async () => {
  const asked: string[] = [];
  const port = await openProxy(asked);
  expect(await tagsBy(`socks5://ann:secret@127.0.0.1:${port}`)).toEqual(["1", "2"]);
  expect(new Set(asked)).toEqual(new Set(["registry.test"]));
});

test("what a SOCKS5 proxy refuses is told", async () => {
  const denying = await openProxy([], 2);
  expect(await rejectionOf(tagsBy(`socks5://ann:secret@127.0.0.1:${denying}`))).toContain(
    "socks connect: connection not allowed by ruleset",
  );
  expect(await rejectionOf(tagsBy(`socks5://bob:secret@127.0.0.1:${denying}`))).toContain(
    "socks connect: username/password authentication failed",
  );
});
