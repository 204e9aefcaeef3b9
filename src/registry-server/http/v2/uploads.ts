import type { Chunk } from "#registry-server/content/uploads.ts";
import { uploadLocation } from "#registry-server/content/uploads.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { emptyAnswer } from "#registry-server/http/answers.ts";
import type { StoredBlob } from "#registry-server/metadata/blobs.ts";
import type { Upload } from "#registry-server/metadata/uploads.ts";
import {
  type Digest,
  type DigestAlgorithm,
  digestAlgorithm,
  tryParseDigest,
} from "#spec/digest.ts";
import { formatUploadRange, tryParseContentRange } from "#spec/distribution/byte-ranges.ts";
import { type RepositoryName, tryParseRepositoryName } from "#spec/distribution/names.ts";
import { readDigest, requireActions, type V2Call } from "./context.ts";

/** `/v2/<name>/blobs/uploads/` */
export async function answerUploads(call: V2Call): Promise<Response> {
  const { method, query } = call.exchange;
  if (method !== "POST") {
    throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "POST" } });
  }
  await requireActions(call, "pull", "push");
  const { parts, repository } = call;
  parts.proxy?.refusePush(repository);
  await parts.repositories.ensure(repository);
  const mount = query.get("mount");
  const mounted = mount === null ? undefined : tryParseDigest(mount);
  if (mounted?.ok) {
    const blob = await mountBlob(call, mounted.digest, query.get("from"));
    if (blob) return blobCreated(repository, blob);
  }
  const digestText = query.get("digest");
  if (digestText !== null && mount === null)
    return await uploadAtOnce(call, readDigest(digestText));
  const upload = await parts.uploads.begin(repository, readAlgorithm(query));
  return uploadAccepted(call, upload);
}

/** What the digest will be of, where the client knows it at the beginning. @throws {RegistryError} `DIGEST_INVALID` */
function readAlgorithm(query: URLSearchParams): DigestAlgorithm {
  const text = query.get("digest-algorithm") ?? "sha256";
  if (text === "sha256" || text === "sha512") return text;
  throw new RegistryError("DIGEST_INVALID", "digest algorithm is not supported", {
    detail: { algorithm: text.slice(0, 100) },
  });
}

/** `/v2/<name>/blobs/uploads/<id>` */
export async function answerUpload(call: V2Call, id: string): Promise<Response> {
  const { exchange, parts, repository } = call;
  await requireActions(call, "pull", "push");
  switch (exchange.method) {
    case "GET": {
      const upload = await parts.uploads.find(repository, id);
      return emptyAnswer(204, uploadHeaders(upload));
    }
    case "PATCH":
      return uploadAccepted(
        call,
        await parts.uploads.append(repository, id, readChunk(call), exchange.signal),
      );
    case "PUT":
      return await finishUpload(call, id);
    case "DELETE":
      await parts.uploads.cancel(repository, id);
      return emptyAnswer(204, {});
    default:
      throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "GET, PATCH, PUT, DELETE" } });
  }
}

/** The blob, when some repository has it that the caller may pull from. */
async function mountBlob(
  { parts, exchange, repository }: V2Call,
  digest: Digest,
  from: string | null,
): Promise<StoredBlob | undefined> {
  const named = from === null ? undefined : tryParseRepositoryName(from);
  if (from !== null && named === undefined) return undefined;
  for (const source of await parts.blobs.repositoriesOf(digest)) {
    if (named !== undefined && source !== named) continue;
    if (await parts.access.mayDo(exchange.principal, source, "pull")) {
      return await parts.uploads.mount(repository, digest);
    }
  }
  return undefined;
}

async function uploadAtOnce(call: V2Call, digest: Digest): Promise<Response> {
  const { parts, exchange, repository } = call;
  const upload = await parts.uploads.begin(repository, digestAlgorithm(digest));
  const chunk = readChunk(call);
  try {
    const last = { chunk, digest };
    const blob = await parts.uploads.finish(repository, upload.id, last, exchange.signal);
    return blobCreated(repository, blob);
  } catch (error) {
    // its id was never told: nobody can go on with it
    await parts.uploads.cancel(repository, upload.id).catch(() => undefined);
    throw error;
  }
}

async function finishUpload(call: V2Call, id: string): Promise<Response> {
  const { parts, exchange, repository } = call;
  const text = exchange.query.get("digest");
  if (text === null) throw new RegistryError("DIGEST_INVALID", "digest missing");
  const last = { chunk: readChunk(call), digest: readDigest(text) };
  // bytes that came before a restart are read again for the digest
  const blob = await exchange.withoutTimeout(() =>
    parts.uploads.finish(repository, id, last, exchange.signal),
  );
  return blobCreated(repository, blob);
}

/** @throws {RegistryError} A `Content-Range` that is none, or of another length than the body. */
function readChunk({ exchange, parts }: V2Call): Chunk {
  const { headers, body } = exchange.request;
  const pace = parts.bodies.pace();
  const lengthText = headers.get("content-length");
  const lengthBytes = lengthText === null ? undefined : Number(lengthText);
  const rangeText = headers.get("content-range");
  const told = lengthBytes === undefined ? {} : { lengthBytes };
  if (rangeText === null) return { ...told, body, pace };
  const range = tryParseContentRange(rangeText);
  if (!range) {
    throw new RegistryError("RANGE_INVALID", "Content-Range cannot be read", {
      detail: { contentRange: rangeText.slice(0, 100) },
    });
  }
  const rangeBytes = range.last - range.first + 1;
  if (lengthBytes !== undefined && lengthBytes !== rangeBytes) {
    throw new RegistryError("SIZE_INVALID", "", {
      detail: { contentRange: rangeBytes, contentLength: lengthBytes },
    });
  }
  return { firstByte: range.first, lengthBytes: rangeBytes, body, pace };
}

function uploadHeaders(upload: Upload): Readonly<Record<string, string>> {
  return {
    Location: uploadLocation(upload),
    Range: formatUploadRange(upload.sizeBytes),
    "Docker-Upload-UUID": upload.id,
  };
}

function uploadAccepted({ parts }: V2Call, upload: Upload): Response {
  const { chunkMinBytes } = parts.storage;
  return emptyAnswer(202, {
    ...uploadHeaders(upload),
    ...(chunkMinBytes > 0 ? { "OCI-Chunk-Min-Length": String(chunkMinBytes) } : {}),
  });
}

function blobCreated(repository: RepositoryName, { digest }: StoredBlob): Response {
  return emptyAnswer(201, {
    Location: `/v2/${repository}/blobs/${digest}`,
    "Docker-Content-Digest": digest,
  });
}
