import { messageOf } from "#base/errors.ts";
import type { Solved } from "#builder/builder.ts";
import { UNKNOWN } from "#rpc/status.ts";
import { digestOf } from "#spec/digest.ts";
import { formatPlatform } from "#spec/platform.ts";
import type { OpenRecord } from "./build-history.ts";
import type { StoredBlob, StoredRecord } from "./stored-record.ts";

const IN_TOTO = "application/vnd.in-toto+json";
const PREDICATE_TYPE = "in-toto.io/predicate-type";
const DESCRIPTOR_KEY = "containerimage.descriptor";

/** A build has ended well: what its result is, and what is stated of it. */
export function recordSuccess(
  record: OpenRecord,
  solved: Solved | undefined,
  response: Readonly<Record<string, string>>,
): void {
  const blobs = new Map<string, Uint8Array>();
  const images = imagesOf(response);
  const all = solved?.images ?? [];
  const results = all.map(({ platform, attestations }, at) => {
    const stated = attestations.map(({ predicate, predicateType }): StoredBlob => {
      const bytes = Buffer.from(JSON.stringify(predicate));
      const digest = digestOf(bytes);
      blobs.set(digest, bytes);
      const annotations = { [PREDICATE_TYPE]: predicateType };
      return { mediaType: IN_TOTO, digest, sizeBytes: bytes.byteLength, annotations };
    });
    const name = all.length === 1 ? "" : formatPlatform(platform);
    return [name, { attestations: stated, images: at === 0 ? images : [] }] as const;
  });
  record.finish({ response, results: Object.fromEntries(results) }, blobs);
}

export function recordFailure(record: OpenRecord, error: unknown, code: number = UNKNOWN): void {
  record.finish(
    { response: {}, results: {}, error: { code, message: messageOf(error) } },
    new Map(),
  );
}

/** What an exporter made, as it has told the client. */
function imagesOf(response: StoredRecord["response"]): readonly StoredBlob[] {
  const text = response[DESCRIPTOR_KEY];
  if (text === undefined) return [];
  // our own exporters wrote it
  const { mediaType, digest, size } = JSON.parse(Buffer.from(text, "base64").toString()) as {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
  };
  return [{ mediaType, digest, sizeBytes: size }];
}
