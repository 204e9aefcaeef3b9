import { connect } from "node:net";

export interface RawAnswer {
  /** Undefined when the connection ended, or the wait did, without a status line. */
  readonly status: number | undefined;
  /** The first part of the answer, head included. */
  readonly text: string;
  /** The connection was still open, and silent, when the wait ended. */
  readonly isOpen: boolean;
}

const SHOWN_BYTES = 4096;

/**
 * Sends bytes as they are and reads the answer's beginning: until the connection ends, or `lingerMs` after the
 * first bytes (streams do not end), or after `timeoutMs` without any.
 */
export async function sendRaw(
  socketPath: string,
  bytes: Uint8Array,
  { lingerMs, timeoutMs }: { readonly lingerMs: number; readonly timeoutMs: number },
): Promise<RawAnswer> {
  const { promise, resolve } = Promise.withResolvers<RawAnswer>();
  const socket = connect(socketPath);
  let text = "";
  const end = (isOpen: boolean): void => {
    clearTimeout(timer);
    socket.destroy();
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
    resolve({ status: status === undefined ? undefined : Number(status), text, isOpen });
  };
  let timer = setTimeout(() => end(true), timeoutMs);
  socket.on("connect", () => socket.write(bytes));
  socket.on("data", (chunk: Buffer) => {
    if (text === "") {
      clearTimeout(timer);
      timer = setTimeout(() => end(false), lingerMs);
    }
    if (text.length < SHOWN_BYTES) text += chunk.toString("latin1");
  });
  socket.on("error", () => end(false));
  socket.on("close", () => end(false));
  return await promise;
}
