import type { Http2Stream } from "node:http2";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import { writeFully } from "./write-fully.ts";
import { frameMessage, MessageSplitter } from "./framing.ts";

/** Writes one message; resolves when the peer can take more. @throws {CancelledError} The stream has ended. */
export async function writeMessage(stream: Http2Stream, message: Uint8Array): Promise<void> {
  if (stream.closed) throw new CancelledError("The call has ended");
  await writeFully(stream, frameMessage(message));
}

/** The messages of one direction of a call. Who leaves early drops the rest of them, and nothing else of the call. */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Uint8Array> {
  const splitter = new MessageSplitter();
  for await (const chunk of readChunks(stream)) yield* splitter.push(chunk);
  if (splitter.isWithin) throw new InvalidArgumentError("A gRPC message is cut off");
}

/** As iterating over the stream, which would destroy it when left early. */
async function* readChunks(stream: Http2Stream): AsyncGenerator<Uint8Array> {
  let isOver = false;
  let failure: Error | undefined;
  let wake = (): void => {};
  const onReadable = (): void => wake();
  const onOver = (): void => {
    isOver = true;
    wake();
  };
  const onError = (error: Error): void => {
    failure ??= error;
    onOver();
  };
  stream.on("readable", onReadable);
  stream.on("end", onOver);
  stream.on("close", onOver);
  stream.on("error", onError);
  try {
    for (;;) {
      const chunk: unknown = stream.read();
      if (chunk instanceof Uint8Array) yield chunk;
      else if (failure) throw failure;
      else if (isOver || stream.destroyed || stream.readableEnded) return;
      else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    stream.off("readable", onReadable);
    stream.off("end", onOver);
    stream.off("close", onOver);
    stream.off("error", onError);
    stream.resume();
  }
}
