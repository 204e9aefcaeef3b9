import { expect, test } from "bun:test";
import * as net from "node:net";
import * as tls from "node:tls";
import { rawSocketOf } from "./raw-socket.ts";

test("rawSocketOf() has the descriptor of an accepted TCP connection", async () => {
  const accepted = Promise.withResolvers<net.Socket>();
  const server = net.createServer(accepted.resolve);
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const client = net.connect({ port, host: "127.0.0.1" });
  const socket = await accepted.promise;
  expect(rawSocketOf(socket)?.descriptor).toBeGreaterThan(2);
  for (const end of [client, socket]) end.destroy();
  server.close();
});

test("rawSocketOf() has nothing of a socket without a connection, or with TLS on it", () => {
  const bare = new net.Socket();
  expect(rawSocketOf(bare)).toBeUndefined();
  const secure = new tls.TLSSocket(bare);
  expect(rawSocketOf(secure)).toBeUndefined();
  expect("encrypted" in secure).toBe(true);
  secure.destroy();
});
