import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { ByteSource } from "#base/tar/byte-source.ts";
import { type Digest, parseDigest } from "#spec/digest.ts";

// `POST /wharf/images/receive`: who offers an image sends its documents as the request's body and hands the
// connection over. Then the engine says what it lacks, one blob after the other, and each is answered by its
// length and its bytes from the wanted one on. Every message is JSON behind its length, of four bytes, big-endian.
//
//   engine  {"want": {"digest": "sha256:…", "offset": 0}}      client  {"size": 1234} and 1234 bytes
//   engine  {"progress": {…}}, any number, at any time         client  {"error": "…"}, which ends it
//   engine  {"done": "sha256:…"} or {"error": "…"}

/** An image's documents, as `GET /wharf/images/{name}/offer` gives them and `receive` takes them. */
export interface ImageOffer {
  readonly Id?: string;
  readonly Manifest: OfferedText;
  readonly Index?: OfferedText;
  readonly Tags?: readonly string[];
}

export interface OfferedText {
  readonly MediaType: string;
  /** Base64. */
  readonly Document: string;
}

/** What the receiving engine says. */
export type ReceiverMessage =
  | { readonly kind: "want"; readonly digest: Digest; readonly offset: number }
  /** A line of Docker's progress. */
  | { readonly kind: "progress"; readonly line: unknown }
  | { readonly kind: "done"; readonly id: string }
  | { readonly kind: "error"; readonly message: string };

/** What the sender answers a want with. */
export type SenderMessage =
  /** Of the whole blob; its bytes follow, from the wanted one on. */
  | { readonly kind: "blob"; readonly sizeBytes: number }
  | { readonly kind: "error"; readonly message: string };

const FRAME_MAX_BYTES = 1024 * 1024;

function encodeFrame(value: unknown): Uint8Array {
  const body = Buffer.from(JSON.stringify(value));
  const frame = Buffer.alloc(4 + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, 4);
  return frame;
}

/** @returns Undefined where the peer has sent its last. */
async function readFrame(source: ByteSource): Promise<JsonReader | undefined> {
  const head = await source.exactly(4);
  if (!head) return undefined;
  const length = Buffer.from(head).readUInt32BE(0);
  if (length > FRAME_MAX_BYTES) {
    throw new InvalidArgumentError(`Cannot go on with the image: a message of ${length} bytes`);
  }
  const text = Buffer.from(await source.require(length)).toString();
  return JsonReader.of(parseJson(text), { prefix: "Cannot go on with the image: " });
}

export function encodeReceiverMessage(message: ReceiverMessage): Uint8Array {
  switch (message.kind) {
    case "want":
      return encodeFrame({ want: { digest: message.digest, offset: message.offset } });
    case "progress":
      return encodeFrame({ progress: message.line });
    case "done":
      return encodeFrame({ done: message.id });
    case "error":
      return encodeFrame({ error: message.message });
  }
}

export function encodeSenderMessage(message: SenderMessage): Uint8Array {
  return message.kind === "blob"
    ? encodeFrame({ size: message.sizeBytes })
    : encodeFrame({ error: message.message });
}

/** @throws {InvalidArgumentError} It is none of the messages. */
export async function readReceiverMessage(
  source: ByteSource,
): Promise<ReceiverMessage | undefined> {
  const reader = await readFrame(source);
  if (!reader) return undefined;
  const want = reader.object("want");
  if (want) {
    const digest = parseDigest(want.string("digest") ?? "");
    return { kind: "want", digest, offset: want.number("offset") ?? 0 };
  }
  const id = reader.string("done");
  if (id !== undefined) return { kind: "done", id };
  const message = reader.string("error");
  if (message !== undefined) return { kind: "error", message };
  return { kind: "progress", line: reader.raw("progress") };
}

/** @throws {InvalidArgumentError} It is none of the messages. */
export async function readSenderMessage(source: ByteSource): Promise<SenderMessage | undefined> {
  const reader = await readFrame(source);
  if (!reader) return undefined;
  const message = reader.string("error");
  if (message !== undefined) return { kind: "error", message };
  const sizeBytes = reader.number("size") ?? -1;
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) {
    throw new InvalidArgumentError("Cannot go on with the image: a blob without a size");
  }
  return { kind: "blob", sizeBytes };
}
