import type { Contender } from "./contender.ts";

/**
 * Requests a second over kept connections, one request at a time on each: written and read off the socket, so that
 * the load costs next to nothing beside the engine.
 *
 * @param path Of something whose answer does not change.
 */
export async function requestRate(
  contender: Contender,
  path: string,
  load: { readonly connections: number; readonly seconds: number },
): Promise<number> {
  const request = `GET ${path} HTTP/1.1\r\nHost: engine\r\n\r\n`;
  const end = performance.now() + load.seconds * 1000;
  let answered = 0;
  const connect = async (): Promise<void> => {
    const done = Promise.withResolvers<void>();
    let text = "";
    await Bun.connect({
      unix: contender.socket,
      socket: {
        open: (socket) => void socket.write(request),
        data: (socket, bytes) => {
          text += bytes.toString("latin1");
          if (!isWhole(text)) return;
          if (!text.startsWith("HTTP/1.1 200")) return done.reject(new Error(text.slice(0, 200)));
          text = "";
          answered += 1;
          if (performance.now() < end) socket.write(request);
          else {
            done.resolve();
            socket.end();
          }
        },
        close: () => done.reject(new Error("the engine closed the connection")),
        error: (_, error) => done.reject(error),
      },
    });
    await done.promise;
  };
  await Promise.all(Array.from({ length: load.connections }, connect));
  return answered / load.seconds;
}

/** Whether head and body are there: as long as announced, or in chunks to the last. */
export function isWhole(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head))?.[1];
  if (length !== undefined) return text.length >= head + 4 + Number(length);
  return text.endsWith("\r\n0\r\n\r\n");
}
