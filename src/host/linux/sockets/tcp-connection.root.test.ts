import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "#host/host.ts";
import { openLinuxHost } from "#host/linux/host.ts";

const directory = mkdtempSync(join(tmpdir(), "wharf-tcp-"));
const namespacePath = join(directory, "ns");
const noAbort = new AbortController().signal;
let host: Host;
let server: Bun.TCPSocketListener<undefined>;

beforeAll(async () => {
  host = await openLinuxHost();
  host.namespaces.createNetwork(namespacePath);
  server = host.namespaces.inNetwork(namespacePath, () =>
    Bun.listen<undefined>({
      hostname: "127.0.0.1",
      port: 4321,
      socket: { data: (socket, bytes) => void socket.end(`heard ${bytes.toString()}`) },
    }),
  );
});

afterAll(async () => {
  server.stop(true);
  host.namespaces.removeNetwork(namespacePath);
  rmSync(directory, { recursive: true, force: true });
  await host[Symbol.asyncDispose]();
});

test("connectTcp() reaches what listens on the loopback of another network namespace", async () => {
  using connection = await host.sockets.connectTcp(
    { namespacePath, address: "127.0.0.1", port: 4321 },
    noAbort,
  );
  connection.write(new TextEncoder().encode("hello"));
  let text = "";
  for await (const bytes of connection.data()) text += new TextDecoder().decode(bytes);
  expect(text).toBe("heard hello");
});

test("connectTcp() says why there is no connection, and leaves the daemon's namespace alone", async () => {
  for (const address of ["127.0.0.1", "::1"]) {
    const refused = host.sockets.connectTcp({ namespacePath, address, port: 4322 }, noAbort);
    expect(await refused.then(String, (error: Error) => error.message)).toContain("refused");
  }
  const outside = host.sockets.connectTcp(
    { namespacePath: "/proc/self/ns/net", address: "127.0.0.1", port: 4321 },
    noAbort,
  );
  expect(await outside.then(String, (error: Error) => error.message)).toContain("refused");
});

test("connectTcp() gives up when it is aborted", async () => {
  const controller = new AbortController();
  const aborted = host.sockets.connectTcp(
    { namespacePath, address: "127.0.0.1", port: 4321 },
    controller.signal,
  );
  controller.abort(new Error("enough"));
  expect(await aborted.then(String, (error: Error) => error.message)).toBe("enough");
});
