import { open } from "node:fs/promises";
import { CancelledError, FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { ExportRequest } from "#builder/builder.ts";
import type { RpcStream } from "#rpc/call.ts";
import {
  EXPORTER_ID_KEY,
  FILE_SEND,
  PACKET,
  PACKET_DATA,
  PACKET_ERROR,
  PACKET_FINISHED,
  PACKET_REQUEST,
  PACKET_STAT,
} from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";
import type { ClientSession } from "./client-session.ts";
import { walkTrees } from "./walk-tree.ts";

/** What a packet of a file's content has at most, as `fsutil` sends it. */
const PACKET_BYTES = 32 * 1024;
const NANOS_PER_SECOND = 1_000_000_000n;

function openOutput(
  session: ClientSession,
  exporterId: string,
  signal: AbortSignal,
): Promise<RpcStream> {
  if (!session.offers(FILE_SEND)) {
    throw new FailedPreconditionError("The client takes no files: it offers no FileSend");
  }
  const either = AbortSignal.any([signal, session.signal]);
  return session.client.open(FILE_SEND, { [EXPORTER_ID_KEY]: exporterId }, either);
}

/** Sends an archive to the client, which writes it where the user wanted it. */
export async function sendArchive(
  session: ClientSession,
  exporterId: string,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  await using stream = await openOutput(session, exporterId, signal);
  try {
    for await (const chunk of archive) {
      for (let at = 0; at < chunk.byteLength; at += PACKET_BYTES) {
        await stream.send(BYTES_MESSAGE.encode({ data: chunk.subarray(at, at + PACKET_BYTES) }));
      }
    }
    stream.end();
  } catch (error) {
    if (!(error instanceof CancelledError)) throw error;
    // the client refused: its status, which comes next, says why
  }
  for await (const _ of stream.messages);
}

type Exported = Parameters<NonNullable<ExportRequest["tree"]>>[0];
/** A file's path on this host, or what is in it. */
type FileContent = string | Uint8Array;

/** Sends folders to the client: all names first, then what it asks for. */
export async function sendTree(
  session: ClientSession,
  exporterId: string,
  exported: Exported,
  signal: AbortSignal,
): Promise<void> {
  await using stream = await openOutput(session, exporterId, signal);
  const files = new Map<number, FileContent>();
  const announced = announce(stream, exported, files);
  announced.catch(() => undefined); // awaited below
  for await (const message of stream.messages) {
    const { type, id, data } = PACKET.decode(message);
    switch (type) {
      case PACKET_REQUEST: {
        const content = files.get(id);
        if (content === undefined) {
          throw new InvalidArgumentError(`The client asked for file ${id}`);
        }
        files.delete(id);
        if (typeof content === "string") await sendFile(stream, id, content);
        else await sendBytes(stream, id, content);
        break;
      }
      case PACKET_FINISHED:
        await announced;
        await stream.send(PACKET.encode({ type: PACKET_FINISHED }));
        stream.end();
        break;
      case PACKET_ERROR:
        throw new FailedPreconditionError(`error from receiver: ${Buffer.from(data).toString()}`);
      default:
        throw new InvalidArgumentError(`The client sent a packet of type ${type}`);
    }
  }
  await announced;
}

async function announce(
  stream: RpcStream,
  { trees, timeSeconds }: Exported,
  files: Map<number, FileContent>,
): Promise<void> {
  const fixed =
    timeSeconds === undefined ? {} : { modifiedNanos: BigInt(timeSeconds) * NANOS_PER_SECOND };
  let id = 0;
  for await (const { stat, content } of walkTrees(trees)) {
    if (content !== undefined && stat.linkName === "") files.set(id, content);
    await stream.send(PACKET.encode({ type: PACKET_STAT, stat: { ...stat, ...fixed } }));
    id++;
  }
  await stream.send(PACKET.encode({ type: PACKET_STAT }));
}

async function sendBytes(stream: RpcStream, id: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += PACKET_BYTES) {
    const data = bytes.subarray(at, at + PACKET_BYTES);
    await stream.send(PACKET.encode({ type: PACKET_DATA, id, data }));
  }
  await stream.send(PACKET.encode({ type: PACKET_DATA, id }));
}

async function sendFile(stream: RpcStream, id: number, path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(PACKET_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, PACKET_BYTES);
      if (bytesRead === 0) break;
      const data = buffer.subarray(0, bytesRead);
      await stream.send(PACKET.encode({ type: PACKET_DATA, id, data }));
    }
    await stream.send(PACKET.encode({ type: PACKET_DATA, id }));
  } finally {
    await file.close();
  }
}
