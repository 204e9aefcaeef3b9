import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { BuildOutput, OutputPlace } from "#build-client/build-request.ts";
import type { RpcCall, RpcMethod } from "#rpc/method.ts";
import {
  EXPORTER_ID_KEY,
  PACKET,
  PACKET_DATA,
  PACKET_ERROR,
  PACKET_FINISHED,
  PACKET_REQUEST,
  PACKET_STAT,
} from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";
import { FolderWriter } from "./folder-writer.ts";

/** `FileSend.DiffCopy`: takes what an exporter made. */
export function receiveOutputs(outputs: readonly BuildOutput[]): RpcMethod {
  return async function* diffCopy(call) {
    const place = placeOf(outputs, call);
    switch (place.kind) {
      case "folder":
        yield* receiveFolder(place.path, call);
        return;
      case "file":
        await receiveFile(place.path, call);
        return;
      case "stream":
        for await (const message of call.requests) {
          await place.write(BYTES_MESSAGE.decode(message).data);
        }
        return;
      case "engine":
        throw new InvalidArgumentError("the output has no place on the client's side");
    }
  };
}

/** Engines before BuildKit 0.13 do not say which output they mean: they have one. */
function placeOf(outputs: readonly BuildOutput[], { metadata }: RpcCall): OutputPlace {
  const [id] = metadata.get(EXPORTER_ID_KEY) ?? [];
  const found =
    id === undefined ? outputs.find(({ place }) => place.kind !== "engine") : outputs[Number(id)];
  if (found) return found.place;
  throw new NotFoundError(`no output ${id ?? ""} was asked for`);
}

async function receiveFile(path: string, call: RpcCall): Promise<void> {
  const partial = `${path}.wharf-${process.pid}`;
  let fd: number | undefined = openSync(partial, "w", 0o644);
  try {
    for await (const message of call.requests) {
      const { data } = BYTES_MESSAGE.decode(message);
      for (let at = 0; at < data.byteLength; ) at += writeSync(fd, data, at);
    }
    call.signal.throwIfAborted();
    closeSync(fd);
    fd = undefined;
    renameSync(partial, path);
  } finally {
    if (fd !== undefined) {
      closeSync(fd);
      rmSync(partial, { force: true });
    }
  }
}

/** What was asked for and has not come is asked for again after so many. */
const MOST_REQUESTS = 128;

async function* receiveFolder(root: string, { requests }: RpcCall): AsyncGenerator<Uint8Array> {
  using writer = new FolderWriter(root);
  let areAllAnnounced = false;
  let hasFinished = false;
  for await (const message of requests) {
    const { type, stat, id, data } = PACKET.decode(message);
    switch (type) {
      case PACKET_STAT:
        if (stat && stat.path !== "") writer.announce(stat);
        else areAllAnnounced = true;
        break;
      case PACKET_DATA:
        writer.write(id, data);
        break;
      case PACKET_ERROR:
        throw new InvalidArgumentError(`error from sender: ${Buffer.from(data).toString()}`);
      case PACKET_FINISHED:
        return;
      default:
        throw new InvalidArgumentError(`The engine sent a packet of type ${type}`);
    }
    for (const wanted of writer.takeRequests(MOST_REQUESTS)) {
      yield PACKET.encode({ type: PACKET_REQUEST, id: wanted });
    }
    if (areAllAnnounced && writer.openFiles === 0 && !hasFinished) {
      hasFinished = true;
      writer.finish();
      yield PACKET.encode({ type: PACKET_FINISHED });
    }
  }
}
