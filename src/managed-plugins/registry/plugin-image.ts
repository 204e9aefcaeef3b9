import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open, rename } from "node:fs/promises";
import { join } from "node:path";
import { createGzip } from "node:zlib";
import { Readable } from "node:stream";
import { NotFoundError } from "#base/errors.ts";
import { stringifyJson } from "#base/json.ts";
import type { BlobSource } from "#registry-client/upload-session.ts";
import { type Digest, digestHex, digestOf, parseDigest } from "#spec/digest.ts";
import { DOCKER_LAYER_GZIP, DOCKER_MANIFEST } from "#spec/media-types.ts";
import {
  type Descriptor,
  descriptorToWire,
  type Manifest,
  parseManifest,
} from "#spec/oci-image.ts";

/** Of a manifest's configuration: this is no image. */
export const PLUGIN_CONFIG_TYPE = "application/vnd.docker.plugin.v1+json";

const CHUNK_BYTES = 256 * 1024;

/** A plugin as registries have it, in a folder of the plugin's own: its manifest, and blobs by digest. */
export class PluginImage {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws {NotFoundError} It was made by an engine that kept none. */
  manifest(): {
    readonly manifest: Manifest;
    readonly mediaType: string;
    readonly bytes: Uint8Array;
  } {
    const file = join(this.#folder, "manifest.json");
    if (!statSync(file, { throwIfNoEntry: false })) {
      throw new NotFoundError("Cannot push: an older engine made the plugin; create it again");
    }
    const bytes = readFileSync(file);
    const manifest = parseManifest(bytes, "");
    return { manifest, mediaType: manifest.mediaType, bytes };
  }

  writeManifest(bytes: Uint8Array): void {
    this.#begin();
    writeFileSync(join(this.#folder, "manifest.json"), bytes);
  }

  writeBlob(bytes: Uint8Array): Digest {
    this.#begin();
    const digest = digestOf(bytes);
    writeFileSync(this.pathOf(digest), bytes);
    return digest;
  }

  pathOf(digest: Digest): string {
    return join(this.#folder, digestHex(digest));
  }

  source({ digest, sizeBytes }: Descriptor): BlobSource {
    const file = Bun.file(this.pathOf(digest));
    return { digest, sizeBytes, read: (offset, end) => file.slice(offset, end).stream() };
  }

  /**
   * Packs what a plugin's root file system is when it is made: what it writes there later is not published.
   *
   * @param tar Of the root file system; chunks may share one buffer.
   * @param config The plugin's `config.json`.
   */
  async make(tar: AsyncIterable<Uint8Array>, config: object, signal: AbortSignal): Promise<void> {
    this.#begin();
    const { layer, diffId } = await this.#pack(tar, signal);
    const rootfs = { type: "layers", diff_ids: [diffId] };
    const configBytes = Buffer.from(stringifyJson({ ...config, rootfs }, { sortKeys: true }));
    const manifest = {
      schemaVersion: 2,
      config: descriptorToWire({
        mediaType: PLUGIN_CONFIG_TYPE,
        digest: this.writeBlob(configBytes),
        sizeBytes: configBytes.byteLength,
      }),
      layers: [descriptorToWire(layer)],
      mediaType: DOCKER_MANIFEST,
    };
    this.writeManifest(Buffer.from(JSON.stringify(manifest)));
  }

  async #pack(
    tar: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<{ readonly layer: Descriptor; readonly diffId: Digest }> {
    const plainHash = createHash("sha256");
    const packedHash = createHash("sha256");
    const hashed = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of tar) {
        signal.throwIfAborted();
        plainHash.update(chunk);
        // the packer is handed the next one while it works on the one before
        yield new Uint8Array(chunk);
      }
    };
    const plain = Readable.from(hashed(), { objectMode: false });
    const gzip = createGzip({ chunkSize: CHUNK_BYTES });
    plain.on("error", (error) => gzip.destroy(error));
    const draft = join(this.#folder, "layer");
    const file = await open(draft, "wx", 0o600);
    let sizeBytes = 0;
    try {
      for await (const chunk of plain.pipe(gzip)) {
        const bytes = chunk as Uint8Array;
        packedHash.update(bytes);
        sizeBytes += bytes.byteLength;
        await file.writeFile(bytes);
      }
    } finally {
      plain.destroy();
      gzip.destroy();
      await file.close();
    }
    const digest = parseDigest(`sha256:${packedHash.digest("hex")}`);
    await rename(draft, this.pathOf(digest));
    return {
      layer: { mediaType: DOCKER_LAYER_GZIP, digest, sizeBytes },
      diffId: parseDigest(`sha256:${plainHash.digest("hex")}`),
    };
  }

  #begin(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }
}
