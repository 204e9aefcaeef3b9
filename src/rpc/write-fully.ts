import type { Writable } from "node:stream";
import { CancelledError } from "#base/errors.ts";

/** Writes with the stream's back-pressure. @throws {CancelledError} It has ended. */
export async function writeFully(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (stream.destroyed || !stream.writable) throw new CancelledError("The stream has ended");
  if (stream.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    const onDrain = (): void => {
      stream.off("close", onClose);
      resolve();
    };
    const onClose = (): void => {
      stream.off("drain", onDrain);
      reject(new CancelledError("The stream has ended"));
    };
    stream.once("drain", onDrain);
    stream.once("close", onClose);
  });
}
