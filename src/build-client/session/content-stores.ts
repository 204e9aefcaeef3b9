import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { type RpcCall, type RpcMethod, unary } from "#rpc/method.ts";
import {
  CONTENT_INFO_RESPONSE,
  INFO_REQUEST,
  READ_REQUEST,
  READ_RESPONSE,
  STORE_ID_KEY,
  WRITE_COMMIT,
  WRITE_DATA,
  WRITE_REQUEST,
  WRITE_RESPONSE,
} from "#spec/buildkit/content.ts";
import { type Digest, digestAlgorithm, Digester, digestHex, parseDigest } from "#spec/digest.ts";

/** Folders of blobs, laid out as OCI images are, by the names that an engine asks for them by: `local:PATH`. */
export type ContentStores = ReadonlyMap<string, string>;

const CHUNK_BYTES = 1024 * 1024;

/** Where a blob stands in a store. @see image-spec image-layout.md, "Blobs" */
export function storedBlobPath(folder: string, digest: Digest): string {
  return join(folder, "blobs", digestAlgorithm(digest), digestHex(digest));
}

function folderOf(stores: ContentStores, { metadata }: Pick<RpcCall, "metadata">): string {
  const id = metadata.get(STORE_ID_KEY)?.[0] ?? "";
  const folder = stores.get(id);
  if (folder !== undefined) return folder;
  throw new NotFoundError(`unknown store ${id}`);
}

function findBlob(stores: ContentStores, call: Pick<RpcCall, "metadata">, text: string): string {
  const path = storedBlobPath(folderOf(stores, call), parseDigest(text));
  if (existsSync(path)) return path;
  throw new NotFoundError(`content ${text}: not found`);
}

/** `Content.Info` */
export function tellContent(stores: ContentStores): RpcMethod {
  return unary(INFO_REQUEST, CONTENT_INFO_RESPONSE, async ({ digest }, call) => {
    const { size } = statSync(findBlob(stores, call, digest));
    return { info: { digest, sizeBytes: size, labels: new Map() } };
  });
}

/** `Content.Read` */
export function sendContent(stores: ContentStores): RpcMethod {
  return async function* read(call) {
    for await (const message of call.requests) {
      const { digest, offset, sizeBytes } = READ_REQUEST.decode(message);
      const fd = openSync(findBlob(stores, call, digest), "r");
      try {
        const end = sizeBytes > 0 ? offset + sizeBytes : Infinity;
        for (let at = offset; at < end; ) {
          const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at));
          const length = readSync(fd, buffer, 0, buffer.byteLength, at);
          if (length === 0) break;
          yield READ_RESPONSE.encode({ offset: at, data: buffer.subarray(0, length) });
          at += length;
        }
      } finally {
        closeSync(fd);
      }
    }
  };
}

/** `Content.Write`: a blob stands in the store once it is whole and has the digest that was promised. */
export function takeContent(stores: ContentStores): RpcMethod {
  return async function* write(call) {
    const folder = folderOf(stores, call);
    using blob = new IncomingBlob(folder);
    for await (const message of call.requests) {
      const { action, expected, offset, data } = WRITE_REQUEST.decode(message);
      blob.expect(parseDigest(expected));
      if (data.byteLength > 0) blob.take(offset, data);
      if (action === WRITE_COMMIT) blob.commit();
      else if (action !== WRITE_DATA) {
        throw new InvalidArgumentError(`action ${action} of a write is not known`);
      }
      yield WRITE_RESPONSE.encode({ action, offset: blob.sizeBytes, digest: expected });
    }
  };
}

class IncomingBlob implements Disposable {
  readonly #folder: string;
  #expected: Digest | undefined;
  #digester: Digester | undefined;
  #partial = "";
  #fd: number | undefined;
  sizeBytes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  [Symbol.dispose](): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    rmSync(this.#partial, { force: true });
  }

  /** @throws {ConflictError} It is there already. */
  expect(digest: Digest): void {
    if (this.#expected !== undefined) return;
    const path = storedBlobPath(this.#folder, digest);
    if (existsSync(path)) throw new ConflictError(`content ${digest}: already exists`);
    this.#expected = digest;
    this.#digester = new Digester(digestAlgorithm(digest));
    mkdirSync(dirname(path), { recursive: true });
    this.#partial = `${path}.${crypto.randomUUID()}`;
    this.#fd = openSync(this.#partial, "wx", 0o644);
  }

  take(offset: number, data: Uint8Array): void {
    if (offset !== this.sizeBytes || this.#fd === undefined) {
      throw new InvalidArgumentError(`a write goes on at ${offset} after ${this.sizeBytes} bytes`);
    }
    for (let at = 0; at < data.byteLength; ) at += writeSync(this.#fd, data, at);
    this.#digester?.update(data);
    this.sizeBytes += data.byteLength;
  }

  commit(): void {
    const [digest, expected] = [this.#digester?.finish(), this.#expected];
    if (expected === undefined || digest !== expected || this.#fd === undefined) {
      throw new InvalidArgumentError(`content has digest ${digest}, not ${expected}`);
    }
    closeSync(this.#fd);
    this.#fd = undefined;
    renameSync(this.#partial, storedBlobPath(this.#folder, expected));
  }
}
