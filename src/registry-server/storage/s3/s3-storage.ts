import { S3Client } from "bun";
import { UnavailableError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { streamOf } from "#registry-server/content/stream-of.ts";
import type {
  Appended,
  BlobPlace,
  BlobStorage,
  StoredThing,
  UploadState,
} from "#registry-server/storage/storage.ts";
import type { Digest } from "#spec/digest.ts";
import type { ByteRange } from "#spec/distribution/byte-ranges.ts";

/** Least size of a part, save the last, that S3 takes. */
const PART_BYTES = 5 * 1024 * 1024;
const PARTS_AT_ONCE = 2;
const TRIES = 3;
const LIST_STEP = 1000;

export interface S3Options {
  /** `http://127.0.0.1:9000`; absent for Amazon's own. */
  readonly endpoint?: string;
  readonly region?: string;
  readonly bucket: string;
  /** What keys begin with: `registry/`. */
  readonly prefix: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** One object with a part of an upload's bytes. */
interface Segment {
  readonly key: string;
  readonly sizeBytes: number;
}

/**
 * Blobs as objects, on which any number of servers work. S3 can neither append nor rename: each chunk of an upload is
 * an object of its own, `<prefix><upload>/<chunk>`, and a blob is the list of its chunks, one for nearly all clients.
 * So a push writes every byte once. Places are `<upload> <list as JSON>`.
 */
export class S3Storage implements BlobStorage {
  readonly chunkMinBytes: number = PART_BYTES;
  readonly #client: S3Client;
  readonly #options: S3Options;

  constructor(options: S3Options) {
    const { endpoint, region, bucket, accessKeyId, secretAccessKey } = options;
    this.#options = options;
    this.#client = new S3Client({
      bucket,
      accessKeyId,
      secretAccessKey,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
    });
  }

  async beginUpload(): Promise<UploadState> {
    return "[]";
  }

  async append(
    id: string,
    state: UploadState,
    offsetBytes: number,
    body: AsyncIterable<Uint8Array>,
  ): Promise<Appended> {
    const key = `${this.#options.prefix}${id}/${crypto.randomUUID()}`;
    const writer = this.#client.file(key).writer({
      partSize: PART_BYTES,
      queueSize: PARTS_AT_ONCE,
      retry: TRIES,
    });
    let sizeBytes = 0;
    let failure: unknown;
    try {
      for await (const chunk of body) {
        await writer.write(chunk);
        sizeBytes += chunk.byteLength;
        if (sizeBytes % PART_BYTES < chunk.byteLength) await writer.flush();
      }
    } catch (error) {
      failure = error;
    }
    try {
      await writer.end();
    } catch (error) {
      return { state, sizeBytes: offsetBytes, failure: failure ?? error };
    }
    const told = failure === undefined ? {} : { failure };
    if (sizeBytes === 0) {
      await this.#client.delete(key).catch(() => undefined); // an empty object is a stray at worst
      return { state, sizeBytes: offsetBytes, ...told };
    }
    const segments = [...readSegments(state), { key, sizeBytes }];
    return { state: JSON.stringify(segments), sizeBytes: offsetBytes + sizeBytes, ...told };
  }

  readUpload(_id: string, state: UploadState, sizeBytes: number): AsyncIterable<Uint8Array> {
    return this.#read(readSegments(state), { first: 0, last: sizeBytes - 1 });
  }

  async publish(id: string, state: UploadState, _digest: Digest): Promise<BlobPlace> {
    return `${id} ${state}`;
  }

  async discardUpload(_id: string, state: UploadState): Promise<void> {
    for (const { key } of readSegments(state)) await this.#client.delete(key);
  }

  body(place: BlobPlace, sizeBytes: number, range?: ByteRange): Bun.BodyInit {
    return streamOf(this.#read(segmentsOf(place), range ?? { first: 0, last: sizeBytes - 1 }));
  }

  async remove(place: BlobPlace): Promise<void> {
    for (const { key } of segmentsOf(place)) await this.#client.delete(key);
  }

  async *list(): AsyncIterable<StoredThing> {
    const { prefix } = this.#options;
    for (let after: string | undefined; ; ) {
      const page = await this.#client.list({
        prefix,
        maxKeys: LIST_STEP,
        ...(after === undefined ? {} : { startAfter: after }),
      });
      for (const { key, lastModified, size } of page.contents ?? []) {
        const uploadId = key.slice(prefix.length).split("/")[0] ?? "";
        const place = `${uploadId} ${JSON.stringify([{ key, sizeBytes: size ?? 0 }])}`;
        const modifiedMs = lastModified === undefined ? Date.now() : Date.parse(lastModified);
        yield { place, modifiedMs, uploadId, placePrefix: `${uploadId} ` };
        after = key;
      }
      if (!page.isTruncated) return;
    }
  }

  async check(): Promise<void> {
    try {
      await this.#client.exists(`${this.#options.prefix}health`); // whether it is there does not matter
    } catch (cause) {
      throw new UnavailableError(`Cannot use object storage: ${messageOf(cause)}`, { cause });
    }
  }

  async *#read(segments: readonly Segment[], range: ByteRange): AsyncGenerator<Uint8Array> {
    let begin = 0;
    for (const { key, sizeBytes } of segments) {
      const first = Math.max(range.first - begin, 0);
      const end = Math.min(range.last + 1 - begin, sizeBytes);
      begin += sizeBytes;
      if (first >= end) continue;
      const file = this.#client.file(key);
      const isWhole = first === 0 && end === sizeBytes;
      let leftBytes = end - first;
      for await (const piece of (isWhole ? file : file.slice(first, end)).stream()) {
        // a server may take a range for the whole: more than was asked for is never passed on
        yield piece.subarray(0, leftBytes);
        leftBytes -= Math.min(leftBytes, piece.byteLength);
        if (leftBytes === 0) break;
      }
    }
  }
}

function readSegments(state: UploadState): readonly Segment[] {
  const reader = JsonReader.of({ list: parseJson(state) });
  return (reader.objects("list") ?? []).map((segment) => ({
    key: segment.string("key") ?? "",
    sizeBytes: segment.integer("sizeBytes") ?? 0,
  }));
}

function segmentsOf(place: BlobPlace): readonly Segment[] {
  return readSegments(place.slice(place.indexOf(" ") + 1));
}
