import type { Http2Stream } from "node:http2";
import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import { writeFully } from "./write-fully.ts";
import { frameMessage, MessageSplitter } from "./framing.ts";

/** Writes one message; resolves when the peer can take more. @throws {CancelledError} The stream has ended. */
export async function writeMessage(stream: Http2Stream, message: Uint8Array): Promise<void> {
  if (stream.closed) throw new CancelledError("The call has ended");
  await writeFully(stream, frameMessage(message));
}

/** The messages of one direction of a call. */
export async function* readMessages(stream: Http2Stream): AsyncGenerator<Uint8Array> {
  const splitter = new MessageSplitter();
  for await (const chunk of stream as AsyncIterable<Uint8Array>) yield* splitter.push(chunk);
  if (splitter.isWithin) throw new InvalidArgumentError("A gRPC message is cut off");
}
