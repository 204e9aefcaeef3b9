import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { tarHeader } from "#base/tar/header.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import { digestOf } from "#spec/digest.ts";

/** Which bytes are others than their digest says. `length`: a layer has more bytes than it should. */
export type Lie =
  | "none"
  | "manifest"
  | "index"
  | "manifest of an index"
  | "config"
  | "layer"
  | "layer length"
  | "layer cut"
  | "diff id";

const WRONG_DIFF_ID = digestOf("nothing of the kind");

interface Blob {
  readonly bytes: Buffer;
  readonly digest: string;
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";

function blobOf(bytes: Uint8Array | string): Blob {
  const buffer = Buffer.from(bytes);
  return { bytes: buffer, digest: digestOf(buffer) };
}

function layerOf(text: string): Buffer {
  const body = Buffer.from(text.padEnd(512, "\n"));
  const header = tarHeader({ name: "file", type: "file", sizeBytes: body.length });
  return Buffer.concat([encodeTarHeader(header), body, tarTrailer()]);
}

/** A registry of one image with one file, `base`, at every name and tag, which lies as it is told. */
export class LyingRegistry implements AsyncDisposable {
  lie: Lie = "none";
  readonly #server: Server;
  readonly #layer: Blob;
  readonly #otherLayer: Buffer;
  readonly #config: Blob;
  readonly #manifest: Blob;
  readonly #index: Blob;
  /** With a diff id that the layer has not. */
  readonly #wrongConfig: Blob;
  readonly #wrongManifest: Blob;

  constructor() {
    const tar = layerOf("true\n");
    this.#layer = blobOf(gzipSync(tar));
    // as long as the true one: only the digest gives it away
    const other = gzipSync(layerOf("false\n"));
    this.#otherLayer = Buffer.concat([other, Buffer.alloc(this.#layer.bytes.length)]).subarray(
      0,
      this.#layer.bytes.length,
    );
    this.#config = configOf(digestOf(tar));
    this.#manifest = manifestOf(this.#config, this.#layer);
    const { digest, bytes } = this.#manifest;
    const platform = { os: "linux", architecture: process.arch === "x64" ? "amd64" : "arm64" };
    this.#index = blobOf(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: INDEX,
        manifests: [{ mediaType: MANIFEST, digest, size: bytes.length, platform }],
      }),
    );
    this.#wrongConfig = configOf(WRONG_DIFF_ID);
    this.#wrongManifest = manifestOf(this.#wrongConfig, this.#layer);
    this.#server = createServer((request, response) => this.#answer(request.url ?? "", response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
  }

  /** `127.0.0.1:PORT`. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Digests by what they are of. */
  get digests(): Readonly<Record<"manifest" | "index" | "config" | "layer", string>> {
    return {
      manifest: this.#manifest.digest,
      index: this.#index.digest,
      config: this.#config.digest,
      layer: this.#layer.digest,
    };
  }

  /** What the layer should unpack to, by the lie about it. */
  get diffId(): string {
    return WRONG_DIFF_ID;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(url: string, response: ServerResponse): void {
    const [, kind, reference = ""] = /\/(manifests|blobs)\/(.+)$/.exec(url) ?? [];
    if (kind === "manifests") return this.#answerManifest(decodeURIComponent(reference), response);
    if (kind !== "blobs") return void response.end("{}");
    const bytes = this.#blob(decodeURIComponent(reference));
    if (!bytes) return void response.writeHead(404).end();
    response.writeHead(200, { "Content-Length": bytes.length }).end(bytes);
  }

  #answerManifest(reference: string, response: ServerResponse): void {
    const isIndex = reference === "indexed" || reference === this.#index.digest;
    const named = this.lie === "diff id" ? this.#wrongManifest : this.#manifest;
    const { bytes, digest } = isIndex ? this.#index : named;
    const isLie = isIndex ? this.lie === "index" : this.lie.startsWith("manifest");
    // another blank changes no meaning
    const told = isLie ? Buffer.concat([bytes, Buffer.from(" ")]) : bytes;
    response
      .writeHead(200, {
        "Content-Type": isIndex ? INDEX : MANIFEST,
        "Content-Length": told.length,
        "Docker-Content-Digest": digest,
      })
      .end(told);
  }

  #blob(digest: string): Buffer | undefined {
    if (digest === this.#wrongConfig.digest) return this.#wrongConfig.bytes;
    if (digest === this.#config.digest) {
      const { bytes } = this.#config;
      return this.lie === "config" ? Buffer.from(bytes.toString().replace("true", "evil")) : bytes;
    }
    if (digest !== this.#layer.digest) return undefined;
    const { bytes } = this.#layer;
    switch (this.lie) {
      case "layer":
        return this.#otherLayer;
      case "layer length":
        return Buffer.concat([bytes, Buffer.alloc(1000)]);
      case "layer cut":
        return bytes.subarray(0, bytes.length - 10);
      default:
        return bytes;
    }
  }
}

function configOf(diffId: string): Blob {
  return blobOf(
    JSON.stringify({
      os: "linux",
      architecture: process.arch === "x64" ? "amd64" : "arm64",
      config: { Env: ["is=true"] },
      rootfs: { type: "layers", diff_ids: [diffId] },
      history: [{ created_by: "it" }],
    }),
  );
}

function manifestOf(config: Blob, layer: Blob): Blob {
  return blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: {
        mediaType: "application/vnd.oci.image.config.v1+json",
        digest: config.digest,
        size: config.bytes.length,
      },
      layers: [
        {
          mediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
          digest: layer.digest,
          size: layer.bytes.length,
        },
      ],
    }),
  );
}
