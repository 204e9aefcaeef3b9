import { setImmediate } from "node:timers/promises";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { RpcMetadata } from "#rpc/call.ts";
import {
  FILE_SYNC,
  PACKET,
  PACKET_DATA,
  PACKET_ERROR,
  PACKET_FINISHED,
  PACKET_REQUEST,
  PACKET_STAT,
} from "#spec/buildkit/session.ts";
import type { ClientSession } from "./client-session.ts";
import { type TreeIndex, TreeUpdate } from "./tree-update.ts";

/** Which folder of the client's, and what of it. Patterns are BuildKit's. */
export interface TreeWish {
  readonly name: string;
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
}

/** Messages after which others have their turn. */
const YIELD_EVERY = 256;
/** Files whose content is asked for at once. */
const MOST_REQUESTS = 128;

/**
 * Brings a folder up to date with one of the client's: `FileSync.DiffCopy`, the client tells all files and sends what it is
 * asked for.
 *
 * @param old What the folder has now. @returns What it has then.
 */
export async function receiveTree(
  session: ClientSession,
  wish: TreeWish,
  place: { readonly root: string; readonly old: TreeIndex; readonly onChange: () => void },
  onProgress: (receivedBytes: number) => void,
  signal: AbortSignal,
): Promise<TreeIndex> {
  const either = AbortSignal.any([signal, session.signal]);
  await using stream = await session.client.open(FILE_SYNC, metadataOf(wish), either);
  using update = new TreeUpdate(place.root, place.old, place.onChange);
  let handled = 0;
  let areAllAnnounced = false;
  let result: TreeIndex | undefined;
  const ask = async (): Promise<void> => {
    for (const id of update.takeRequests(MOST_REQUESTS)) {
      await stream.send(PACKET.encode({ type: PACKET_REQUEST, id }));
    }
  };
  for await (const message of stream.messages) {
    const { type, stat, id, data } = PACKET.decode(message);
    switch (type) {
      case PACKET_STAT:
        if (areAllAnnounced) throw new InvalidArgumentError("The client announced a file too late");
        if (stat && stat.path !== "") update.announce(stat);
        else areAllAnnounced = true;
        break;
      case PACKET_DATA:
        update.write(id, data);
        onProgress(update.receivedBytes);
        break;
      case PACKET_ERROR:
        throw new FailedPreconditionError(`error from sender: ${Buffer.from(data).toString()}`);
      case PACKET_FINISHED:
        if (!result) throw new InvalidArgumentError("The client ended before all files had come");
        break;
      default:
        throw new InvalidArgumentError(`The client sent a packet of type ${type}`);
    }
    await ask();
    // a long run of messages that have come already would let nothing else run
    if (++handled % YIELD_EVERY === 0) await setImmediate();
    if (areAllAnnounced && update.openFiles === 0 && !result) {
      result = update.finish();
      await stream.send(PACKET.encode({ type: PACKET_FINISHED }));
      stream.end();
    }
  }
  if (!result) throw new InvalidArgumentError("The client ended before all files had come");
  return result;
}

function metadataOf({ name, includes, excludes }: TreeWish): RpcMetadata {
  return {
    ...header("dir-name", [name]),
    ...header("include-patterns", includes),
    ...header("exclude-patterns", excludes),
  };
}

/** Values that HTTP/2 does not carry as they are get escaped, all of them. */
function header(key: string, values: readonly string[]): RpcMetadata {
  if (values.length === 0) return {};
  if (values.every((value) => /^[\x20-\x7e]*$/.test(value) && value.trim() === value)) {
    return { [key]: [...values] };
  }
  return { [key]: values.map((value) => encodeURIComponent(value)), [`${key}-encoded`]: "1" };
}
