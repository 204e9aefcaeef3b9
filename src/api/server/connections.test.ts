import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Connections } from "./connections.ts";

test("Connections tells of a client that has connected and asks nothing yet, and answers it later", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wharf-connections-"));
  const silence = Promise.withResolvers<string>();
  const asked = Promise.withResolvers<string>();
  const connections = new Connections({
    maxConnections: 8,
    maxHeaderBytes: 1024,
    idleTimeoutMs: 60_000,
    commonFields: "",
    onRequest: ({ request }) => asked.resolve(request.url),
    onSilence: () => silence.resolve("silent"),
    onHttp2: (socket) => void socket.destroy(),
  });
  const server = createServer((socket) => connections.accept(socket));
  const path = join(folder, "s.sock");
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = connect(path);
  try {
    expect(await silence.promise).toBe("silent");
    client.write("GET /late HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await asked.promise).toBe("/late");
  } finally {
    client.destroy();
    connections.closeIdle();
    connections.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  }
});
