import { UnsupportedError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import { layersOfImages } from "#builder/cache/shared/export-cache.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { Vertices } from "#builder/solver/vertices.ts";
import type { Lease } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import { digestHex } from "#spec/digest.ts";
import { OCI_INDEX } from "#spec/media-types.ts";
import { type Descriptor, descriptorToWire, indexToWire } from "#spec/oci-image.ts";
import { formatImageReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";
import { readImageAttributes } from "./attributes.ts";
import { attestationsFor, configBytesOf, exportedImage } from "./exported-image.ts";
import { type Document, type ResultDocuments, writeDocuments } from "./image-documents.ts";
import type { LayerPacker } from "./pack-layer.ts";

type ArchiveParts = Pick<BuilderParts, "clock" | "content" | "platform" | "records"> & {
  readonly layers: StepLayers;
  readonly packer: LayerPacker;
};

/** A document or a layer of the archive. */
interface Blob {
  readonly descriptor: Descriptor;
  readonly content: Uint8Array | AsyncIterable<Uint8Array>;
}

/**
 * Writes the result as an OCI layout in a tar; of type `docker` with the `manifest.json` that `docker load` reads.
 *
 * @throws {UnsupportedError} A docker archive of what needs an index, a push, an attribute that there is not.
 */
export async function exportArchive(
  parts: ArchiveParts,
  images: readonly SolvedImage[],
  request: ExportRequest,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const { type, attributes } = request;
  const wishes = readImageAttributes(attributes, parts.platform);
  if (wishes.isPushed) throw new UnsupportedError(`Cannot push by ${type}: use type=image`);
  const isDocker = type === "docker";
  const attestations = images.map((image) => attestationsFor(image, { isPushed: !isDocker }));
  if (isDocker && (images.length > 1 || attestations.some((some) => some.length > 0))) {
    throw new UnsupportedError(
      "docker exporter does not support exporting manifest lists, use the oci exporter instead",
    );
  }
  wishes.names.map(parseTagTarget); // refuses what is no name
  const packing = wishes.packing ?? ({ compression: "gzip", isForced: false } as const);
  const vertices = new Vertices(parts.clock, request.onEvent);
  return await vertices.run(`exporting to ${type} image format`, [], async (vertex) => {
    const done = (text: string): void => vertex.status(text, 0, undefined, true);
    vertex.status("exporting layers", 0, undefined);
    let created: string | undefined;
    const documented = await Promise.all(
      images.map(async (image, at) => {
        const exported = await exportedImage(parts.layers, image, request, lease, signal);
        created ??= exported.config.created;
        const layers = await Promise.all(
          exported.layers.map((layer) => parts.packer.pack(layer, packing, lease, signal)),
        );
        const inline = request.isInlineCache ? layersOfImages(parts, [image]) : undefined;
        const configBytes = configBytesOf(exported.config, inline);
        const { platform } = image;
        return { platform, configBytes, layers, attestations: attestations[at] ?? [] };
      }),
    );
    done("exporting layers");
    const documents = writeDocuments(documented, {
      names: wishes.names,
      annotations: wishes.annotations,
      hasOciTypes: wishes.hasOciTypes ?? !isDocker,
      needsIndex: false,
    });
    for (const { manifest, config, attestation } of documents.images) {
      done(`exporting manifest ${manifest.descriptor.digest}`);
      done(`exporting config ${config.descriptor.digest}`);
      if (attestation) {
        done(`exporting attestation manifest ${attestation.manifest.descriptor.digest}`);
      }
    }
    if (documents.index) done(`exporting manifest list ${documents.index.descriptor.digest}`);
    const top = dated(documents.top, created);
    vertex.status("sending tarball", 0, undefined);
    await request.output?.(
      writeTar([
        ...members(blobsOf(documents, parts.content)),
        jsonMember("index.json", layoutIndex(top, wishes.names)),
        ...(isDocker ? [jsonMember("manifest.json", dockerManifest(documents, wishes.names))] : []),
        jsonMember("oci-layout", { imageLayoutVersion: "1.0.0" }),
      ]),
    );
    done("sending tarball");
    return responseOf(documents, top, wishes.names);
  });
}

function responseOf(
  documents: ResultDocuments,
  top: Descriptor,
  names: readonly string[],
): ExportResponse {
  const [only, ...others] = documents.images;
  return {
    "containerimage.digest": top.digest,
    "containerimage.descriptor": Buffer.from(JSON.stringify(descriptorToWire(top))).toString(
      "base64",
    ),
    ...(only && others.length === 0
      ? { "containerimage.config.digest": only.config.descriptor.digest }
      : {}),
    ...(names.length > 0 ? { "image.name": names.map(fullName).join(",") } : {}),
  };
}

function fullName(name: string): string {
  return formatImageReference(withDefaultTag(parseImageReference(name)));
}

/** With the time that the image was made at, which is the same whenever it is exported. */
function dated(top: Descriptor, created: string | undefined): Descriptor {
  if (created === undefined) return top;
  const seconds = `${new Date(created).toISOString().slice(0, -5)}Z`;
  return {
    ...top,
    annotations: { ...top.annotations, "org.opencontainers.image.created": seconds },
  };
}

function blobsOf(documents: ResultDocuments, content: ArchiveParts["content"]): readonly Blob[] {
  const blobs = new Map<string, Blob>();
  const add = ({ descriptor, bytes }: Document): void => {
    blobs.set(descriptor.digest, { descriptor, content: bytes });
  };
  for (const { config, layers, manifest, attestation } of documents.images) {
    for (const descriptor of layers) {
      blobs.set(descriptor.digest, { descriptor, content: content.read(descriptor.digest) });
    }
    for (const document of [config, manifest, ...(attestation?.blobs ?? [])]) add(document);
    if (attestation) add(attestation.manifest);
  }
  if (documents.index) add(documents.index);
  // in one order whatever they hold
  return [...blobs.values()].toSorted((left, right) =>
    left.descriptor.digest < right.descriptor.digest ? -1 : 1,
  );
}

function layoutIndex(top: Descriptor, names: readonly string[]): object {
  const entries =
    names.length === 0
      ? [top]
      : names.map((name) => {
          const reference = withDefaultTag(parseImageReference(name));
          const annotations = {
            ...top.annotations,
            "io.containerd.image.name": formatImageReference(reference),
            "org.opencontainers.image.ref.name": reference.tag ?? "latest",
          };
          return { ...top, annotations };
        });
  return indexToWire({ mediaType: OCI_INDEX, manifests: entries });
}

function dockerManifest(documents: ResultDocuments, names: readonly string[]): object {
  return documents.images.map(({ config, layers }) => ({
    Config: blobPath(config.descriptor),
    RepoTags: names.length > 0 ? names.map(parseTagTarget) : null,
    Layers: layers.map(blobPath),
  }));
}

function blobPath({ digest }: Descriptor): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

function members(blobs: readonly Blob[]): readonly TarMember[] {
  return [
    { header: tarHeader({ name: "blobs/", type: "directory" }) },
    { header: tarHeader({ name: "blobs/sha256/", type: "directory" }) },
    ...blobs.map(({ descriptor, content }) => ({
      header: tarHeader({
        name: blobPath(descriptor),
        type: "file",
        mode: 0o444,
        sizeBytes: descriptor.sizeBytes,
      }),
      body: content,
    })),
  ];
}

function jsonMember(name: string, value: object): TarMember {
  const body = Buffer.from(JSON.stringify(value));
  return { header: tarHeader({ name, type: "file", sizeBytes: body.byteLength }), body };
}
