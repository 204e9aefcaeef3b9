import { UnsupportedError } from "#base/errors.ts";
import { stringifyJsonHtml } from "#base/json.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import type { Lease } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "#spec/media-types.ts";
import {
  type Descriptor,
  descriptorToWire,
  imageConfigToWire,
  manifestToWire,
} from "#spec/oci-image.ts";
import { type Annotations, readAnnotations, readFlag } from "./attributes.ts";
import { exportedImage } from "./exported-image.ts";

type ArchiveParts = Pick<BuilderParts, "clock" | "content"> & { readonly layers: StepLayers };

/** A document or a layer of the archive. */
interface Blob {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

/**
 * Writes the result as an OCI layout in a tar; of type `docker` with the `manifest.json` that `docker load` reads.
 *
 * @throws {UnsupportedError} A docker archive of several platforms, a compression that layers do not have here.
 */
export async function exportArchive(
  parts: ArchiveParts,
  images: readonly SolvedImage[],
  request: ExportRequest,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const { type, attributes } = request;
  if (type === "docker" && images.length > 1) {
    throw new UnsupportedError(
      "docker exporter does not currently support exporting manifest lists",
    );
  }
  const compression = attributes["compression"] ?? "uncompressed";
  if (compression !== "uncompressed") {
    throw new UnsupportedError(
      `Cannot export with compression ${compression}: layers are written uncompressed`,
    );
  }
  const annotations = readAnnotations(attributes);
  if (readFlag(attributes, "push"))
    throw new UnsupportedError(`Cannot push by ${type}: use type=image`);
  const names = (attributes["name"] ?? "").split(",").filter((name) => name !== "");
  const tags = names.map(parseTagTarget);
  const vertices = new Vertices(parts.clock, request.onEvent);
  return await vertices.run(`exporting to ${type} image format`, [], async () => {
    const blobs = new Map<string, Blob>();
    const manifests: Descriptor[] = [];
    const legacy: object[] = [];
    for (const image of images) {
      const { manifest, config, layers } = await addImage(
        parts,
        { image, attributes, annotations },
        blobs,
        lease,
        signal,
      );
      manifests.push({ ...manifest, platform: image.platform });
      legacy.push({
        Config: blobPath(config),
        RepoTags: tags.length > 0 ? tags : null,
        Layers: layers.map(blobPath),
      });
    }
    const index = indexOf(manifests, tags, annotations.index);
    await request.output?.(
      writeTar([
        ...[...blobs.values()].map(({ descriptor, content }) =>
          member(blobPath(descriptor), descriptor.sizeBytes, content),
        ),
        jsonMember("index.json", index),
        ...(type === "docker" ? [jsonMember("manifest.json", legacy)] : []),
        jsonMember("oci-layout", { imageLayoutVersion: "1.0.0" }),
      ]),
    );
    const [first] = manifests;
    return first ? { "containerimage.digest": first.digest } : {};
  });
}

async function addImage(
  parts: ArchiveParts,
  given: {
    readonly image: SolvedImage;
    readonly attributes: ExportRequest["attributes"];
    readonly annotations: Annotations;
  },
  blobs: Map<string, Blob>,
  lease: Lease,
  signal: AbortSignal,
): Promise<{
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}> {
  const { image, attributes, annotations } = given;
  const layers: Descriptor[] = [];
  const exported = await exportedImage(parts.layers, image, attributes, lease, signal);
  for (const { blob } of exported.layers) {
    layers.push(blob);
    blobs.set(blob.digest, { descriptor: blob, content: parts.content.read(blob.digest) });
  }
  const add = (value: object, mediaType: string): Descriptor => {
    const content = Buffer.from(stringifyJsonHtml(value));
    const digest = digestOf(content);
    const descriptor = { mediaType, digest, sizeBytes: content.byteLength };
    blobs.set(digest, { descriptor, content });
    return descriptor;
  };
  const config = add(imageConfigToWire(exported.config), OCI_CONFIG);
  const manifest = add(
    manifestToWire({
      mediaType: OCI_MANIFEST,
      config,
      layers,
      ...(Object.keys(annotations.manifest).length > 0
        ? { annotations: annotations.manifest }
        : {}),
    }),
    OCI_MANIFEST,
  );
  return { manifest, config, layers };
}

function indexOf(
  manifests: readonly Descriptor[],
  tags: readonly string[],
  annotations: Annotations["index"],
): object {
  const named = manifests.flatMap((manifest) =>
    tags.length === 0
      ? [manifest]
      : tags.map((tag) => ({
          ...manifest,
          annotations: {
            "io.containerd.image.name": tag,
            "org.opencontainers.image.ref.name": tag.slice(tag.lastIndexOf(":") + 1),
          },
        })),
  );
  return {
    schemaVersion: 2,
    mediaType: OCI_INDEX,
    manifests: named.map(descriptorToWire),
    ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
  };
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function member(
  name: string,
  sizeBytes: number,
  body: Uint8Array | AsyncIterable<Uint8Array>,
): TarMember {
  return { header: tarHeader({ name, type: "file", sizeBytes }), body };
}

function jsonMember(name: string, value: object): TarMember {
  const body = Buffer.from(JSON.stringify(value));
  return member(name, body.byteLength, body);
}
