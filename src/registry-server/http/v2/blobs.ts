import { emptyAnswer } from "#registry-server/http/answers.ts";
import { planRange } from "#spec/distribution/byte-ranges.ts";
import { RegistryError } from "#registry-server/errors.ts";
import type { ComingBlob } from "#registry-server/remotes/proxy.ts";
import type { Digest } from "#spec/digest.ts";
import { auditCall, readDigest, requireActions, type V2Call } from "./context.ts";

export async function answerBlob(call: V2Call, digestText: string): Promise<Response> {
  const { method } = call.exchange;
  if (method === "DELETE") return await deleteBlob(call, digestText);
  if (method === "GET" || method === "HEAD") return await sendBlob(call, digestText);
  throw new RegistryError("UNSUPPORTED", "", { headers: { Allow: "GET, HEAD, DELETE" } });
}

async function sendBlob(call: V2Call, digestText: string): Promise<Response> {
  await requireActions(call, "pull");
  const { parts, exchange, repository } = call;
  const { headers: asked } = exchange.request;
  const isHead = exchange.method === "HEAD";
  const wanted = readDigest(digestText);
  const { proxy } = parts;
  if (proxy && (isHead || asked.has("range"))) {
    await exchange.withoutTimeout(() => proxy.ensureBlob(repository, wanted));
  } else {
    const coming = await proxy?.openBlob(repository, wanted);
    if (coming) return sendComing(wanted, coming);
  }
  const { digest, sizeBytes, place } = await parts.blobs.find(repository, wanted, isHead);
  const headers = blobHeaders(digest);
  if (asked.get("if-none-match") === headers.Etag) return emptyAnswer(304, headers);
  if (isHead || sizeBytes === 0) {
    return new Response(null, { headers: { ...headers, "Content-Length": String(sizeBytes) } });
  }
  const plan = planRange(asked.get("range"), sizeBytes);
  switch (plan.kind) {
    case "unsatisfiable":
      throw new RegistryError("RANGE_INVALID", "", {
        headers: { "Content-Range": `bytes */${sizeBytes}` },
      });
    case "whole":
      return new Response(parts.storage.body(place, sizeBytes), {
        headers: { ...headers, "Content-Length": String(sizeBytes) },
      });
    case "part": {
      const { first, last } = plan.range;
      return new Response(parts.storage.body(place, sizeBytes, plan.range), {
        status: 206,
        headers: {
          ...headers,
          "Content-Length": String(last - first + 1),
          "Content-Range": `bytes ${first}-${last}/${sizeBytes}`,
        },
      });
    }
  }
}

function blobHeaders(digest: Digest): Readonly<Record<string, string>> & { readonly Etag: string } {
  return {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    Etag: `"${digest}"`,
    "Accept-Ranges": "bytes",
    "Cache-Control": "max-age=31536000",
  };
}

/** What breaks off is noticed by its length, and by its digest. */
function sendComing(digest: Digest, { sizeBytes, body }: ComingBlob): Response {
  const headers = { ...blobHeaders(digest), "Content-Length": String(sizeBytes) };
  return new Response(body, { headers });
}

async function deleteBlob(call: V2Call, digestText: string): Promise<Response> {
  await requireActions(call, "delete");
  const digest = readDigest(digestText);
  await call.parts.blobs.remove(call.repository, digest);
  await auditCall(call, "blob.delete", { digest });
  return emptyAnswer(202, { "Docker-Content-Digest": digest });
}
