import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { CancelledError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { RpcCall, RpcMethod } from "#rpc/method.ts";
import { readGoMode } from "#spec/buildkit/go-file-mode.ts";
import {
  PACKET,
  PACKET_DATA,
  PACKET_FINISHED,
  PACKET_REQUEST,
  PACKET_STAT,
} from "#spec/buildkit/session.ts";
import { followPaths } from "./follow-paths.ts";
import { readNames } from "./metadata.ts";
import { ContextWalk, type ContextWish } from "./walk-context.ts";

/** Of a file's content in one message. */
const CHUNK_BYTES = 128 * 1024;

/**
 * `FileSync.DiffCopy`: tells all files of a folder, then sends the content of those that are asked for.
 *
 * @param folders By name, absolute: nothing else can be asked for.
 */
export function sendFolders(folders: ReadonlyMap<string, string>): RpcMethod {
  return async function* diffCopy(call) {
    const [name = ""] = readNames(call.metadata, "dir-name");
    const root = folders.get(name);
    if (root === undefined)
      throw new NotFoundError(`no access allowed to dir ${JSON.stringify(name)}`);
    const wish = wishOf(root, call.metadata);
    const asked = new AskedFiles(call);
    void asked.read();
    const paths = new Map<number, string>();
    let id = 0;
    for (const stat of new ContextWalk(root, wish).files()) {
      const isFile = readGoMode(stat.mode).kind === "file" && stat.linkName === "";
      if (isFile) paths.set(id, stat.path);
      id++;
      yield PACKET.encode({ type: PACKET_STAT, stat });
    }
    yield PACKET.encode({ type: PACKET_STAT });
    for await (const wanted of asked) {
      const path = paths.get(wanted);
      if (path === undefined) throw new InvalidArgumentError(`invalid file id ${wanted}`);
      paths.delete(wanted);
      yield* contentOf(wanted, join(root, path));
    }
    // BuildKit ends its side after ours
    yield PACKET.encode({ type: PACKET_FINISHED });
  };
}

function wishOf(root: string, metadata: RpcCall["metadata"]): ContextWish {
  const includes = readNames(metadata, "include-patterns");
  const excludes = readNames(metadata, "exclude-patterns");
  const followed = readNames(metadata, "followpaths");
  if (followed.length === 0) return { includes, excludes };
  const found = followPaths(root, followed);
  return { includes: found === undefined ? [] : [...includes, ...found], excludes };
}

function* contentOf(id: number, path: string): Generator<Uint8Array> {
  const fd = openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
    for (;;) {
      const length = readSync(fd, buffer, 0, CHUNK_BYTES, null);
      if (length === 0) break;
      yield PACKET.encode({ type: PACKET_DATA, id, data: buffer.subarray(0, length) });
    }
    yield PACKET.encode({ type: PACKET_DATA, id });
  } finally {
    closeSync(fd);
  }
}

/** Numbers of files that the engine asks for, until it says that it has all. */
class AskedFiles implements AsyncIterable<number> {
  readonly #call: RpcCall;
  readonly #waiting: number[] = [];
  #hasEnded = false;
  #failure: Error | undefined;
  #wake = Promise.withResolvers<void>();

  constructor(call: RpcCall) {
    this.#call = call;
  }

  /** Never rejects: who iterates is told. Takes requests as they come, so that the engine's are never held up by what is sent. */
  async read(): Promise<void> {
    try {
      for await (const message of this.#call.requests) {
        const { type, id } = PACKET.decode(message);
        if (type === PACKET_REQUEST) this.#waiting.push(id);
        else if (type === PACKET_FINISHED) this.#hasEnded = true;
        this.#wake.resolve();
      }
      this.#hasEnded = true;
    } catch (error) {
      this.#failure = error instanceof Error ? error : new CancelledError(String(error));
    } finally {
      this.#wake.resolve();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<number> {
    for (;;) {
      const id = this.#waiting.shift();
      if (id !== undefined) yield id;
      else if (this.#failure !== undefined) throw this.#failure;
      else if (this.#hasEnded) return;
      else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }
}
