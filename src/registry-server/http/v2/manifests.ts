import type { PutResult } from "#registry-server/content/manifests.ts";
import { RegistryError } from "#registry-server/errors.ts";
import { emptyAnswer } from "#registry-server/http/answers.ts";
import {
  isTag,
  type ManifestReference,
  tryParseManifestReference,
} from "#spec/distribution/names.ts";
import { auditCall, publishEvent, requireActions, type V2Call } from "./context.ts";

/** Tags of one push by digest. */
const TAGS_MAX = 100;

export async function answerManifest(call: V2Call, referenceText: string): Promise<Response> {
  switch (call.exchange.method) {
    case "GET":
    case "HEAD":
      await requireActions(call, "pull");
      return await sendManifest(call, readReference(referenceText));
    case "PUT":
      await requireActions(call, "pull", "push");
      call.parts.proxy?.refusePush(call.repository);
      return await putManifest(call, readReference(referenceText));
    case "DELETE":
      await requireActions(call, "delete");
      return await deleteManifest(call, readReference(referenceText));
    default:
      throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "GET, HEAD, PUT, DELETE" } });
  }
}

/** @throws {RegistryError} `TAG_INVALID`, or `DIGEST_INVALID` where it looks like a digest. */
function readReference(text: string): ManifestReference {
  const reference = tryParseManifestReference(text);
  if (reference) return reference;
  const code = text.includes(":") ? "DIGEST_INVALID" : "TAG_INVALID";
  throw new RegistryError(code, "invalid reference", {
    detail: { reference: text.slice(0, 300) },
  });
}

async function sendManifest(call: V2Call, reference: ManifestReference): Promise<Response> {
  const { parts, exchange, repository } = call;
  await parts.proxy?.refresh(repository, reference);
  const { digest, mediaType, sizeBytes } = await parts.manifests.head(repository, reference);
  const headers = {
    "Content-Type": mediaType,
    "Docker-Content-Digest": digest,
    Etag: `"${digest}"`,
    "Content-Length": String(sizeBytes),
  };
  if (exchange.request.headers.get("if-none-match") === headers.Etag) {
    return new Response(null, { status: 304, headers: { Etag: headers.Etag } });
  }
  if (exchange.method === "HEAD") return new Response(null, { headers });
  const bytes = await parts.manifests.bytes(digest);
  parts.repositories.notePull(repository, digest, reference);
  publishEvent(call, { action: "pull", digest, mediaType, sizeBytes, ...tagOf(reference) });
  return new Response(bytes, { headers });
}

async function putManifest(call: V2Call, reference: ManifestReference): Promise<Response> {
  const { parts, exchange, repository } = call;
  const tags = exchange.query.getAll("tag");
  if (tags.length > TAGS_MAX) {
    throw new RegistryError("TAG_INVALID", `more than ${TAGS_MAX} tags`, { status: 414 });
  }
  for (const tag of tags) {
    if (!isTag(tag)) {
      throw new RegistryError("TAG_INVALID", "invalid tag", { detail: { tag: tag.slice(0, 300) } });
    }
  }
  if (tags.length > 0 && reference.kind === "tag") {
    throw new RegistryError("TAG_INVALID", "more tags are for a push by digest only");
  }
  using body = await parts.bodies.read(exchange.request, parts.manifestMaxBytes);
  await parts.repositories.ensure(repository);
  const result = await parts.manifests.put(repository, {
    bytes: body.bytes,
    contentType: exchange.request.headers.get("content-type") ?? "",
    reference,
    tags,
  });
  const { digest, mediaType, sizeBytes } = result.manifest;
  const pushed = { action: "push", digest, mediaType, sizeBytes } as const;
  if (result.tags.length === 0) publishEvent(call, pushed);
  for (const tag of result.tags) publishEvent(call, { ...pushed, tag });
  await auditCall(call, "manifest.push", { digest, tags: result.tags });
  return manifestCreated(call, result, tags.length > 0);
}

function tagOf(reference: ManifestReference): { readonly tag?: string } {
  return reference.kind === "tag" ? { tag: reference.tag } : {};
}

function manifestCreated(
  { repository }: V2Call,
  { manifest, tags }: PutResult,
  showTags: boolean,
): Response {
  const answer = emptyAnswer(201, {
    Location: `/v2/${repository}/manifests/${manifest.digest}`,
    "Docker-Content-Digest": manifest.digest,
    ...(manifest.subject === undefined ? {} : { "OCI-Subject": manifest.subject }),
  });
  if (showTags) for (const tag of tags) answer.headers.append("OCI-Tag", tag);
  return answer;
}

async function deleteManifest(call: V2Call, reference: ManifestReference): Promise<Response> {
  const { manifests } = call.parts;
  const { digest, mediaType, sizeBytes } = await manifests.head(call.repository, reference);
  if (reference.kind === "tag") await manifests.removeTag(call.repository, reference.tag);
  else await manifests.remove(call.repository, reference.digest);
  publishEvent(call, { action: "delete", digest, mediaType, sizeBytes, ...tagOf(reference) });
  await auditCall(call, "manifest.delete", { digest, ...tagOf(reference) });
  return emptyAnswer(202, {});
}
