import type { Socket } from "node:net";

/** What is beneath a socket of `node:net`. */
export interface RawSocket {
  readonly descriptor: number;
  /** Nothing is read from the kernel from now on, unless the stream above asks for more. */
  pause(): void;
  resume(): void;
}

/**
 * By Node's own, undocumented `_handle`: the stream's `pause()` goes on reading until its buffer is full, and nothing
 * documented gives the descriptor.
 *
 * @returns Undefined where there is none, or it carries TLS.
 */
export function rawSocketOf(socket: Socket): RawSocket | undefined {
  if ("encrypted" in socket) return undefined;
  const handle: unknown = Reflect.get(socket, "_handle");
  if (!isHandle(handle) || handle.fd < 0) return undefined;
  return {
    descriptor: handle.fd,
    pause: () => handle.pause(),
    resume: () => {
      if (!socket.destroyed) handle.resume();
    },
  };
}

interface Handle {
  readonly fd: number;
  pause(): void;
  resume(): void;
}

function isHandle(value: unknown): value is Handle {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "fd") === "number" &&
    typeof Reflect.get(value, "pause") === "function" &&
    typeof Reflect.get(value, "resume") === "function"
  );
}
