import { InvalidArgumentError } from "#base/errors.ts";
import { frameMessage, MessageSplitter } from "./framing.ts";
import type { PeerStream } from "./http2/peer-stream.ts";

/** Writes one message; resolves when it is on its way. */
export async function sendMessage(stream: PeerStream, message: Uint8Array): Promise<void> {
  await stream.send(frameMessage(message));
}

/** The messages of the other side. */
export async function* messagesOf(stream: PeerStream): AsyncGenerator<Uint8Array> {
  const splitter = new MessageSplitter();
  for await (const chunk of stream.bytes()) yield* splitter.push(chunk);
  if (splitter.isWithin) throw new InvalidArgumentError("A gRPC message is cut off");
}
