import { createReadStream, createWriteStream, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import { parseJson } from "#base/json.ts";
import { archivePacking } from "#base/packing.ts";
import { readTar } from "#base/tar/reader.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { type Digest, Digester } from "#spec/digest.ts";
import {
  OCI_CONFIG,
  OCI_LAYER,
  OCI_LAYER_GZIP,
  OCI_LAYER_ZSTD,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { type Descriptor, type Manifest, manifestToWire } from "#spec/oci-image.ts";
import type { CopySource } from "./source.ts";

interface SavedFile extends Omit<Descriptor, "mediaType"> {
  readonly path: string;
  readonly head: Uint8Array;
}

const HEAD_BYTES = 6;

/**
 * An image of an engine that hands out no single blobs (Docker's, Podman's): what `save` gives, unpacked into a
 * temporary folder.
 */
export async function openSavedImage(
  engine: EngineClient,
  name: string,
  signal: AbortSignal,
): Promise<CopySource> {
  const { Id } = await engine.getJson<{ readonly Id: Digest }>(
    `/images/${encodeURIComponent(name)}/json`,
  );
  const folder = mkdtempSync(join(tmpdir(), "wharf-copy-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const answer = await engine.request("GET", "/images/get", { query: { names: [Id] }, signal });
    const files = await unpack(answer.body(), folder, signal);
    const manifest = manifestOf(files);
    const bytes = Buffer.from(JSON.stringify(manifestToWire(manifest)));
    const byDigest = new Map([...files.values()].map((file) => [file.digest, file]));
    return {
      id: Id,
      offer: { Manifest: { MediaType: OCI_MANIFEST, Document: bytes.toString("base64") } },
      manifest,
      open: (digest, offset) => {
        const file = byDigest.get(digest);
        if (!file) throw new NotFoundError(`blob ${digest} is not in what the engine saved`);
        const stream = createReadStream(file.path, { start: offset });
        return Promise.resolve({ sizeBytes: file.sizeBytes, stream });
      },
      [Symbol.asyncDispose]: () => {
        remove();
        return Promise.resolve();
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function unpack(
  archive: AsyncIterable<Uint8Array>,
  folder: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, SavedFile>> {
  const files = new Map<string, SavedFile>();
  for await (const { header, body } of readTar(archive)) {
    if (header.type !== "file") continue;
    // by number: the archive's own names lead nowhere
    const path = join(folder, String(files.size));
    const digester = new Digester("sha256");
    let head: Uint8Array = new Uint8Array();
    let sizeBytes = 0;
    await pipeline(async function* hashed() {
      for await (const chunk of body) {
        signal.throwIfAborted();
        if (head.length < HEAD_BYTES) head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES)]);
        sizeBytes += chunk.byteLength;
        digester.update(chunk);
        yield chunk;
      }
    }, createWriteStream(path));
    files.set(header.name, { path, head, sizeBytes, digest: digester.finish() });
  }
  return files;
}

/** The manifest that the archive's own list of its only image amounts to. */
function manifestOf(files: ReadonlyMap<string, SavedFile>): Manifest {
  const prefix = "Cannot read what the engine saved: ";
  const find = (path: string): SavedFile => {
    const file = files.get(path);
    if (!file) throw new InvalidArgumentError(`${prefix}${JSON.stringify(path)} is missing`);
    return file;
  };
  const list = parseJson(readFileSync(find("manifest.json").path, "utf8"));
  const [image] = JsonReader.of({ list }, { prefix }).objects("list") ?? [];
  const { digest, sizeBytes } = find(image?.string("Config") ?? "");
  return {
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest, sizeBytes },
    layers: (image?.strings("Layers") ?? []).map((path) => {
      const layer = find(path);
      return {
        mediaType: layerType(layer.head),
        digest: layer.digest,
        sizeBytes: layer.sizeBytes,
      };
    }),
  };
}

function layerType(head: Uint8Array): string {
  const packing = archivePacking(head);
  if (packing === "gzip") return OCI_LAYER_GZIP;
  return packing === "zstd" ? OCI_LAYER_ZSTD : OCI_LAYER;
}
