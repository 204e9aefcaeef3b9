import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { digestOf } from "#spec/digest.ts";
import { IMAGE_CONFIG_MAX_BYTES, MANIFEST_MAX_BYTES } from "#spec/oci-image.ts";
import type { ArchivedImage } from "./archived-image.ts";
import { manifestsByConfig } from "./oci-layout.ts";
import type { ArchiveSpool } from "./spool.ts";

const MAX_IMAGES = 1024;
const PREFIX = "Cannot read image archive: ";

async function readJson(spool: ArchiveSpool, path: string, maxBytes: number): Promise<unknown> {
  const bytes = await spool.bytes(path, maxBytes);
  if (!bytes) {
    throw new InvalidArgumentError(`${PREFIX}${JSON.stringify(path.slice(0, 200))} is not in it`);
  }
  try {
    return parseJson(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new InvalidArgumentError(`${PREFIX}${path.slice(0, 200)}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/**
 * The images that `manifest.json` lists, as `docker save` has written it since 1.10.
 *
 * @throws {InvalidArgumentError} Damaged, or what it names is missing.
 */
export async function readDockerArchive(spool: ArchiveSpool): Promise<readonly ArchivedImage[]> {
  const listed = await readJson(spool, "manifest.json", MANIFEST_MAX_BYTES);
  if (!Array.isArray(listed)) {
    throw new InvalidArgumentError(`${PREFIX}manifest.json is no list`);
  }
  if (listed.length > MAX_IMAGES) {
    throw new InvalidArgumentError(`${PREFIX}it has ${listed.length} images, over ${MAX_IMAGES}`);
  }
  const originals = await manifestsByConfig(spool);
  const images: ArchivedImage[] = [];
  for (const item of listed) {
    const reader = JsonReader.of(item, { prefix: PREFIX });
    const configPath = reader.string("Config") ?? "";
    const layerPaths = reader.strings("Layers") ?? [];
    const parentId = reader.string("Parent");
    const config = await spool.bytes(configPath, IMAGE_CONFIG_MAX_BYTES);
    const original = config && originals.get(digestOf(config));
    images.push({
      configPath,
      layerPaths,
      names: reader.strings("RepoTags") ?? [],
      ...(original?.manifest ? { manifest: original.manifest } : {}),
      ...(original?.index ? { index: original.index } : {}),
      ...(original?.innerIndexes ? { innerIndexes: original.innerIndexes } : {}),
      ...(parentId ? { parentId } : {}),
    });
  }
  return images;
}
