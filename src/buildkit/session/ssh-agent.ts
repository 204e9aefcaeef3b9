import { createServer, type Socket } from "node:net";
import { abortable } from "#base/async.ts";
import { writeFully } from "#rpc/write-fully.ts";
import { FORWARD_SSH_AGENT, SSH_ID_KEY } from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";
import type { ClientSession } from "./client-session.ts";

/** Connections to the agent that one step may have open. */
const MOST_CONNECTIONS = 32;

/**
 * Listens on a new socket; each connection goes to the client's agent.
 *
 * @param signal Until it listens; afterwards it is served until it is disposed of.
 */
export async function serveAgent(
  session: ClientSession,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const ending = new AbortController();
  const either = AbortSignal.any([session.signal, ending.signal]);
  const underWay = new Set<Promise<void>>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const work = forward(session, id, socket, either);
    underWay.add(work);
    void work.finally(() => underWay.delete(work));
  });
  server.maxConnections = MOST_CONNECTIONS;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(path, resolve);
  await abortable(promise, signal);
  return {
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      server.close();
      await Promise.allSettled(underWay);
    },
  };
}

/** A connection that breaks ends; whoever asked the agent sees that. */
async function forward(
  session: ClientSession,
  id: string,
  socket: Socket,
  signal: AbortSignal,
): Promise<void> {
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", () => socket.destroy());
  try {
    await using stream = await session.client.open(FORWARD_SSH_AGENT, { [SSH_ID_KEY]: id }, signal);
    const toClient = (async () => {
      for await (const data of socket as AsyncIterable<Uint8Array>) {
        await stream.send(BYTES_MESSAGE.encode({ data }));
      }
      stream.end();
    })();
    const fromClient = (async () => {
      for await (const message of stream.messages) {
        await writeFully(socket, BYTES_MESSAGE.decode(message).data);
      }
      socket.end();
    })();
    await Promise.race([Promise.all([toClient, fromClient]), fromClient]);
  } catch {
    socket.destroy();
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}
