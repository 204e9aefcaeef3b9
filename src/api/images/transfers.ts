import { CancelledError, InvalidArgumentError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { streamErrorMessage } from "#api/errors.ts";
import { type Exchange, pathPart, sendJson, writePiece } from "#api/exchange.ts";
import type { HijackExchange } from "#api/hijack.ts";
import { type Route, answer, hijack } from "#api/router.ts";
import type { Images, OfferedDocument } from "#images/images.ts";
import { parseDigest } from "#spec/digest.ts";
import {
  encodeReceiverMessage,
  type OfferedText,
  type ReceiverMessage,
} from "#spec/engine-api/image-transfer.ts";
import { OfferedBlobs } from "./offered-blobs.ts";
import { progressToWire } from "./wire.ts";

/** What the endpoints of `/wharf/images` need of the engine. */
export type ImageTransfersBackend = Pick<Images, "handOver" | "openBlob" | "receive">;

const STREAM_TYPE = "application/vnd.wharf.image-transfer";
const TAGS_MAX = 100;

function textOf({ mediaType, bytes }: OfferedDocument): OfferedText {
  return { MediaType: mediaType, Document: Buffer.from(bytes).toString("base64") };
}

function documentOf(reader: JsonReader | undefined): OfferedDocument | undefined {
  if (!reader) return undefined;
  const mediaType = reader.string("MediaType") ?? "";
  return { mediaType, bytes: Buffer.from(reader.string("Document") ?? "", "base64") };
}

async function offerImage(exchange: Exchange, images: ImageTransfersBackend): Promise<void> {
  const { id, manifest, index } = await images.handOver(pathPart(exchange, "name"));
  sendJson(exchange, 200, {
    Id: id,
    Manifest: textOf(manifest),
    ...(index ? { Index: textOf(index) } : {}),
  });
}

async function sendBlob(exchange: Exchange, images: ImageTransfersBackend): Promise<void> {
  const { query, request, response, signal } = exchange;
  const blob = images.openBlob(pathPart(exchange, "name"), parseDigest(query.text("digest")));
  const range = /^bytes=(\d{1,15})-$/.exec(request.fields.get("range") ?? "")?.[1];
  const offset = Number(range ?? "0");
  if (offset > blob.sizeBytes) {
    throw new InvalidArgumentError(`Cannot read from byte ${offset}: it has ${blob.sizeBytes}`);
  }
  response.writeHead(range === undefined ? 200 : 206, {
    "Content-Type": "application/octet-stream",
    "Content-Length": blob.sizeBytes - offset,
    ...(range === undefined
      ? {}
      : { "Content-Range": `bytes ${offset}-${blob.sizeBytes - 1}/${blob.sizeBytes}` }),
  });
  for await (const chunk of blob.read(offset, signal)) await writePiece(exchange, chunk);
  response.end();
}

async function receiveImage(
  exchange: HijackExchange,
  images: ImageTransfersBackend,
): Promise<void> {
  const body = JsonReader.of(await exchange.readJsonBody(), { prefix: "invalid JSON: " });
  const manifest = documentOf(body.object("Manifest"));
  const index = documentOf(body.object("Index"));
  const tags = body.strings("Tags") ?? [];
  if (!manifest) throw new InvalidArgumentError("Manifest is missing: the image's");
  if (tags.length > TAGS_MAX) throw new InvalidArgumentError(`More than ${TAGS_MAX} tags`);
  const stream = exchange.accept(STREAM_TYPE);
  const say = async (message: ReceiverMessage): Promise<void> => {
    await stream.write(encodeReceiverMessage(message));
  };
  try {
    const source = new OfferedBlobs(stream);
    const request = { manifest, tags, source, ...(index ? { index } : {}) };
    const { id } = await images.receive(
      request,
      (step) => {
        const line = progressToWire(step, exchange.version);
        say({ kind: "progress", line }).catch(() => undefined); // reading tells that the sender is gone
      },
      exchange.signal,
    );
    await say({ kind: "done", id });
  } catch (error) {
    const message = streamErrorMessage(exchange.explain(error));
    if (!(error instanceof CancelledError)) await say({ kind: "error", message });
  } finally {
    await stream.end();
  }
}

/** Beyond Docker, and apart from its endpoints: everything below `/wharf/images`. */
export function imageTransferRoutes(images: ImageTransfersBackend): readonly Route[] {
  return [
    answer("GET", "/wharf/images/{name:.*}/offer", (exchange) => offerImage(exchange, images)),
    answer("GET", "/wharf/images/{name:.*}/blob", (exchange) => sendBlob(exchange, images)),
    hijack("POST", "/wharf/images/receive", (exchange) => receiveImage(exchange, images)),
  ];
}
