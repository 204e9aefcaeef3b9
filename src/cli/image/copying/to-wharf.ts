import { FailedPreconditionError, messageOf, UnavailableError } from "#base/errors.ts";
import { ByteSource } from "#base/tar/byte-source.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { HijackedStream } from "#client/hijacked-stream.ts";
import type { ProgressMessage } from "#cli/output/progress.ts";
import {
  encodeSenderMessage,
  type ReceiverMessage,
  readReceiverMessage,
} from "#spec/engine-api/image-transfer.ts";
import type { CopySource } from "./source.ts";

/**
 * Offers the image to another Wharf and sends the blobs that it asks for. One that is broken off goes on at the
 * byte where it ended when it is offered again.
 *
 * @throws {FailedPreconditionError} The other engine's words.
 */
export async function* offerToWharf(
  source: CopySource,
  target: EngineClient,
  tags: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ProgressMessage> {
  const offer = { ...source.offer, Tags: tags };
  using stream = await target.hijack("/wharf/images/receive", { json: offer, signal });
  const onAbort = (): void => stream.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const input = new ByteSource(stream.output());
    for (;;) {
      const message = await readReceiverMessage(input);
      signal.throwIfAborted();
      if (!message) throw new UnavailableError("the other engine broke the transfer off");
      switch (message.kind) {
        case "done":
          return;
        case "error":
          throw new FailedPreconditionError(message.message);
        case "progress":
          yield message.line as ProgressMessage;
          break;
        case "want":
          await sendBlob(source, stream, message, signal);
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

async function sendBlob(
  source: CopySource,
  stream: HijackedStream,
  { digest, offset }: ReceiverMessage & { readonly kind: "want" },
  signal: AbortSignal,
): Promise<void> {
  const blob = await source.open(digest, offset, signal).catch(async (error: unknown) => {
    await stream.write(encodeSenderMessage({ kind: "error", message: messageOf(error) }));
    throw error;
  });
  await stream.write(encodeSenderMessage({ kind: "blob", sizeBytes: blob.sizeBytes }));
  for await (const chunk of blob.stream) await stream.write(chunk);
}
