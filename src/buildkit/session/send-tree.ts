import { open } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError, FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { RpcStream } from "#rpc/client.ts";
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
import { readGoMode } from "#spec/buildkit/go-file-mode.ts";
import { walkTree } from "./walk-tree.ts";

/** What a packet of a file's content has at most, as `fsutil` sends it. */
const PACKET_BYTES = 32 * 1024;

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

/** Sends a folder to the client: all names first, then what it asks for. */
export async function sendTree(
  session: ClientSession,
  exporterId: string,
  root: string,
  signal: AbortSignal,
): Promise<void> {
  await using stream = await openOutput(session, exporterId, signal);
  const files = new Map<number, string>();
  const announced = announce(stream, root, files);
  announced.catch(() => undefined); // awaited below
  for await (const message of stream.messages) {
    const { type, id, data } = PACKET.decode(message);
    switch (type) {
      case PACKET_REQUEST: {
        const path = files.get(id);
        if (path === undefined) throw new InvalidArgumentError(`The client asked for file ${id}`);
        files.delete(id);
        await sendFile(stream, id, path);
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
  root: string,
  files: Map<number, string>,
): Promise<void> {
  let id = 0;
  for await (const stat of walkTree(root)) {
    if (readGoMode(stat.mode).kind === "file" && stat.linkName === "") {
      files.set(id, join(root, stat.path));
    }
    await stream.send(PACKET.encode({ type: PACKET_STAT, stat }));
    id++;
  }
  await stream.send(PACKET.encode({ type: PACKET_STAT }));
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
