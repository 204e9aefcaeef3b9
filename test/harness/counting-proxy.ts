import { createServer, connect, type Socket } from "node:net";

/** A socket in front of an engine's, which counts what the engine answers. */
export interface CountingProxy extends AsyncDisposable {
  /** For `DOCKER_HOST`. */
  readonly host: string;
  /** Bytes that came from the engine since it was asked last. */
  take(): number;
}

/** @param target Path of the engine's socket. @param path Of the one in front; made here. */
export async function openCountingProxy(target: string, path: string): Promise<CountingProxy> {
  let bytes = 0;
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: target, allowHalfOpen: true });
    for (const socket of [client, engine]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
      // the other side's end is the end of this one
      socket.on("error", () => [client, engine].forEach((one) => one.destroy()));
    }
    engine.on("data", (chunk) => {
      bytes += chunk.length;
    });
    client.pipe(engine);
    engine.pipe(client);
  });
  const listening = Promise.withResolvers<void>();
  server.listen(path, listening.resolve);
  await listening.promise;
  return {
    host: `unix://${path}`,
    take: () => {
      const taken = bytes;
      bytes = 0;
      return taken;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      await closed.promise;
    },
  };
}
