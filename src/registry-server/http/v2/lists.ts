import { jsonAnswer } from "#registry-server/http/answers.ts";
import { OCI_INDEX } from "#spec/media-types.ts";
import {
  nextPage,
  readCount,
  readDigest,
  requireActions,
  requireRead,
  type V2Call,
} from "./context.ts";

/** Entries of a page that asks for no number, or for more. */
const TAGS_MAX = 10_000;
const REFERRERS_MAX = 500;
/** An index is a manifest, and clients read manifests of up to 4 MiB. */
const REFERRERS_MAX_BYTES = 3 * 1024 * 1024;

/** `/v2/<name>/tags/list` */
export async function answerTags(call: V2Call): Promise<Response> {
  requireRead(call.exchange);
  await requireActions(call, "pull");
  const { parts, exchange, repository } = call;
  const { query } = exchange;
  const count = readCount(query, { default: TAGS_MAX, max: TAGS_MAX });
  await parts.repositories.require(repository);
  const found = await parts.manifests.tags(repository, query.get("last") ?? "", count + 1);
  const tags = found.slice(0, count).map((tag) => tag.name);
  const last = tags.at(-1);
  const hasMore = found.length > count && last !== undefined;
  const link = hasMore && {
    Link: nextPage(`/v2/${repository}/tags/list`, { n: String(count), last }),
  };
  return jsonAnswer({ name: repository, tags }, { ...link });
}

/** `/v2/<name>/referrers/<digest>`: an empty index where there is nothing, never 404. */
export async function answerReferrers(call: V2Call, digestText: string): Promise<Response> {
  requireRead(call.exchange);
  await requireActions(call, "pull");
  const { parts, exchange, repository } = call;
  const { query } = exchange;
  const subject = readDigest(digestText);
  const artifactType = query.get("artifactType") ?? "";
  const count = readCount(query, { default: REFERRERS_MAX, max: REFERRERS_MAX });
  const after = query.get("last") ?? "";
  const page = { subject, artifactType, after, count: count + 1 };
  const found = await parts.manifests.referrers(repository, page);
  const manifests: object[] = [];
  let last: string | undefined;
  let sizeBytes = 0;
  for (const manifest of found.slice(0, count)) {
    const descriptor = {
      mediaType: manifest.mediaType,
      digest: manifest.digest,
      size: manifest.sizeBytes,
      ...(manifest.artifactType === "" ? {} : { artifactType: manifest.artifactType }),
      ...(Object.keys(manifest.annotations).length === 0
        ? {}
        : { annotations: manifest.annotations }),
    };
    sizeBytes += Buffer.byteLength(JSON.stringify(descriptor));
    if (sizeBytes > REFERRERS_MAX_BYTES && manifests.length > 0) break;
    manifests.push(descriptor);
    last = manifest.digest;
  }
  const hasMore = found.length > manifests.length && last !== undefined;
  const link = hasMore && {
    Link: nextPage(`/v2/${repository}/referrers/${subject}`, {
      ...(artifactType === "" ? {} : { artifactType }),
      n: String(count),
      last: last ?? "",
    }),
  };
  const body = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  return jsonAnswer(body, {
    "Content-Type": OCI_INDEX,
    ...(artifactType === "" ? {} : { "OCI-Filters-Applied": "artifactType" }),
    ...link,
  });
}
