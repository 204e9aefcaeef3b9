import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson, stringifyJsonHtml } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { archivePacking } from "#base/packing.ts";
import type { Digest } from "#spec/digest.ts";
import { IMAGE_CONFIG_MAX_BYTES, MANIFEST_MAX_BYTES } from "#spec/oci-image.ts";
import type { ArchivedImage } from "./archived-image.ts";
import type { ArchiveSpool } from "./spool.ts";

const PREFIX = "Cannot read image archive: ";
const MAX_DEPTH = 128;
/** What a version 1 config has beyond an image's. */
const VERSION_1_KEYS: ReadonlySet<string> = new Set([
  "id",
  "parent",
  "Size",
  "parent_id",
  "layer_id",
  "throwaway",
]);

interface Layer {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly reader: JsonReader;
  readonly layerPath: string;
  readonly digest: Digest;
}

/**
 * The images of an archive that docker wrote before 1.10: folders of layers that each name their parent,
 * and `repositories`. Configs are made as Docker made them then, so that ids are the same.
 *
 * @throws {InvalidArgumentError} Damaged, or what it names is missing.
 */
export async function readLegacyArchive(
  spool: ArchiveSpool,
  signal: AbortSignal,
): Promise<readonly ArchivedImage[]> {
  const repositories = JsonReader.of(await readObject(spool, "repositories", MANIFEST_MAX_BYTES), {
    prefix: PREFIX,
  });
  const names = new Map<string, string[]>();
  for (const [repository, tags] of Object.entries(
    await readObject(spool, "repositories", MANIFEST_MAX_BYTES),
  )) {
    const reader = repositories.child(tags, repository);
    for (const tag of Object.keys(tags ?? {})) {
      const id = reader.string(tag) ?? "";
      names.set(id, [...(names.get(id) ?? []), `${repository}:${tag}`]);
    }
  }
  const images: ArchivedImage[] = [];
  for (const [id, tags] of names) {
    const layers = await readChain(spool, id, signal);
    // no path of a tar can have this name: normalised ones have no empty part
    const configPath = `//${id}`;
    spool.add(configPath, makeConfig(layers));
    images.push({ configPath, layerPaths: layers.map((layer) => layer.layerPath), names: tags });
  }
  return images;
}

async function readObject(
  spool: ArchiveSpool,
  path: string,
  maxBytes: number,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await spool.bytes(path, maxBytes);
  if (!bytes) {
    throw new InvalidArgumentError(`${PREFIX}${JSON.stringify(path.slice(0, 200))} is not in it`);
  }
  try {
    const parsed = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
      return { ...parsed };
    }
  } catch (cause) {
    throw new InvalidArgumentError(`${PREFIX}${path.slice(0, 200)}: ${messageOf(cause)}`, {
      cause,
    });
  }
  throw new InvalidArgumentError(`${PREFIX}${path.slice(0, 200)} is no object`);
}

/** Layers of an image, lowest first. */
async function readChain(
  spool: ArchiveSpool,
  topId: string,
  signal: AbortSignal,
): Promise<readonly Layer[]> {
  const layers: Layer[] = [];
  for (let id = topId; id !== ""; ) {
    if (!/^[0-9a-f]{64}$/.test(id)) {
      throw new InvalidArgumentError(`${PREFIX}${JSON.stringify(id.slice(0, 100))} is no layer ID`);
    }
    if (layers.length >= MAX_DEPTH) throw new InvalidArgumentError("max depth exceeded");
    const fields = await readObject(spool, `${id}/json`, IMAGE_CONFIG_MAX_BYTES);
    const reader = JsonReader.of(fields, { prefix: PREFIX });
    const layerPath = `${id}/layer.tar`;
    layers.push({ fields, reader, layerPath, digest: await plainDigest(spool, layerPath, signal) });
    id = reader.string("parent") ?? "";
  }
  return layers.toReversed();
}

/** A plain tar's digest is its diff id, which version 1 did not record. */
async function plainDigest(
  spool: ArchiveSpool,
  path: string,
  signal: AbortSignal,
): Promise<Digest> {
  const blob = await spool.blob(path, signal);
  if (!blob) throw new InvalidArgumentError(`${PREFIX}layer ${JSON.stringify(path)} is not in it`);
  if (archivePacking(await spool.head(path)) !== "none") {
    throw new InvalidArgumentError(`${PREFIX}layer ${JSON.stringify(path)} is compressed`);
  }
  return blob.digest;
}

function makeConfig(layers: readonly Layer[]): Uint8Array {
  const top = layers.at(-1);
  const kept = Object.entries(top?.fields ?? {}).filter(([key]) => !VERSION_1_KEYS.has(key));
  const config = Object.fromEntries([
    ...kept,
    ["rootfs", { type: "layers", diff_ids: layers.map((layer) => layer.digest) }],
    ["history", layers.map(historyOf)],
  ]);
  const sorted = Object.fromEntries(
    Object.entries(config).toSorted(([left], [right]) => (left < right ? -1 : 1)),
  );
  return Buffer.from(stringifyJsonHtml(sorted));
}

function historyOf({ reader }: Layer): Readonly<Record<string, unknown>> {
  const author = reader.string("author");
  const comment = reader.string("comment");
  const command = reader.object("container_config")?.strings("Cmd")?.join(" ");
  return {
    created: reader.string("created") ?? "0001-01-01T00:00:00Z",
    ...(author ? { author } : {}),
    ...(command ? { created_by: command } : {}),
    ...(comment ? { comment } : {}),
  };
}
