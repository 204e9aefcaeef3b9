import { InvalidArgumentError } from "#base/errors.ts";
import type { ExportRequest, ExportResponse, SolvedImage } from "#builder/builder.ts";
import { layersOfImages } from "#builder/cache/shared/export-cache.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { StepLayers } from "#builder/solver/step-layers.ts";
import { type OpenVertex, Vertices } from "#builder/solver/vertices.ts";
import type { ImageRecord } from "#images/images.ts";
import type { Lease } from "#images/leases.ts";
import { parseTagTarget } from "#images/records.ts";
import type { Digest } from "#spec/digest.ts";
import { descriptorToWire } from "#spec/oci-image.ts";
import { selectPlatform } from "#spec/platform.ts";
import { formatImageReference, parseImageReference } from "#spec/reference.ts";
import { type ImageAttributes, readImageAttributes } from "./attributes.ts";
import { attestationsFor, configBytesOf, exportedImage } from "./exported-image.ts";
import { type Document, type ResultDocuments, writeDocuments } from "./image-documents.ts";
import type { LayerPacker } from "./pack-layer.ts";
import { pushImage } from "./push-image.ts";

export type ImageExportParts = Pick<
  BuilderParts,
  "clock" | "content" | "images" | "platform" | "records"
> & {
  readonly layers: StepLayers;
  readonly packer: LayerPacker;
};

interface ImageExport {
  readonly images: readonly SolvedImage[];
  readonly request: ExportRequest;
  readonly wishes: ImageAttributes;
  readonly lease: Lease;
  readonly vertex: OpenVertex;
}

/** What was kept, by the digest that names all of it. */
interface Kept {
  readonly record: ImageRecord;
  readonly digest: Digest;
  readonly documents?: ResultDocuments;
}

/**
 * Makes the result an image of this engine, with the names that `name` has between commas. One that is for one platform and
 * says nothing more keeps its layers plain; of any other, and of what is pushed, the layers are packed and the documents
 * are made here, so that they stay what they are wherever the image goes.
 *
 * @throws {InvalidArgumentError} A name that is none, a push to nowhere. {UnsupportedError} An attribute that there is not.
 */
export async function exportImage(
  parts: ImageExportParts,
  images: readonly SolvedImage[],
  request: ExportRequest,
  lease: Lease,
  signal: AbortSignal,
): Promise<ExportResponse> {
  const wishes = readImageAttributes(request.attributes, parts.platform);
  const { names, isPushed } = wishes;
  const tags = names.map(parseTagTarget);
  const full = names.map((name) => formatImageReference(parseImageReference(name)));
  if (isPushed && names.length === 0) {
    throw new InvalidArgumentError("tag is needed when pushing to registry");
  }
  const vertices = new Vertices(parts.clock, request.onEvent);
  return await vertices.run("exporting to image", [], async (vertex) => {
    const given = { images, request, wishes, lease, vertex };
    const kept = isPlain(given)
      ? await keepPlain(parts, given, signal)
      : await keepDocumented(parts, given, signal);
    const { record, digest, documents } = kept;
    if (!wishes.isPushedByDigest) {
      for (const [index, tag] of tags.entries()) {
        parts.images.tag(record.id, tag);
        done(vertex, `naming to ${full[index] ?? tag}`);
      }
    }
    for (const name of digestNames(wishes)) {
      const canonical = parts.images.nameByDigest(record.id, name, digest);
      done(vertex, `naming to ${canonical}`);
    }
    if (isPushed) {
      const { isPushedByDigest } = wishes;
      const pushed = { id: record.id, names, isPushedByDigest };
      await pushImage(parts, pushed, vertex, request, signal);
    }
    return {
      ...(images.length === 1 ? { "containerimage.config.digest": record.id } : {}),
      "containerimage.digest": digest,
      ...(documents
        ? {
            "containerimage.descriptor": Buffer.from(
              JSON.stringify(descriptorToWire(documents.top)),
            ).toString("base64"),
          }
        : {}),
      ...(names.length > 0 ? { "image.name": full.join(",") } : {}),
    };
  });
}

function isPlain({ images, request, wishes }: ImageExport): boolean {
  const { isPushed, annotations, packing, hasOciTypes } = wishes;
  const isBare = annotations.length === 0 && packing === undefined && hasOciTypes === undefined;
  const isNamedOnly = !wishes.isNamedByDigest && wishes.danglingPrefix === undefined;
  const [image] = images;
  const isOne = images.length === 1 && image !== undefined;
  return (
    isOne &&
    !isPushed &&
    isBare &&
    isNamedOnly &&
    request.attributes["multi-platform"] === undefined &&
    attestationsFor(image, { isPushed }).length === 0
  );
}

async function keepPlain(
  parts: ImageExportParts,
  { images, request, lease, vertex }: ImageExport,
  signal: AbortSignal,
): Promise<Kept> {
  const [image] = images;
  if (!image) throw new InvalidArgumentError("Cannot export: nothing was built");
  const exported = await exportedImage(parts.layers, image, request, lease, signal);
  const inline = request.isInlineCache ? layersOfImages(parts, images) : undefined;
  const record = await parts.images.add(
    { configBytes: configBytesOf(exported.config, inline), layers: exported.layers, lease },
    signal,
  );
  done(vertex, `writing image ${record.id}`);
  return { record, digest: record.id };
}

async function keepDocumented(
  parts: ImageExportParts,
  given: ImageExport,
  signal: AbortSignal,
): Promise<Kept> {
  const { images, request, wishes, lease, vertex } = given;
  const packing = wishes.packing ?? ({ compression: "gzip", isForced: false } as const);
  const { isPushed } = wishes;
  vertex.status("exporting layers", 0, undefined);
  const exported = await Promise.all(
    images.map(async (image) => {
      const { config, layers } = await exportedImage(parts.layers, image, request, lease, signal);
      const packed = await Promise.all(
        layers.map((layer) => parts.packer.pack(layer, packing, lease, signal)),
      );
      const inline = request.isInlineCache ? layersOfImages(parts, [image]) : undefined;
      const configBytes = configBytesOf(config, inline);
      return { image, layers, packed, configBytes };
    }),
  );
  done(vertex, "exporting layers");
  const documents = writeDocuments(
    exported.map(({ image, packed, configBytes }) => ({
      platform: image.platform,
      configBytes,
      layers: packed,
      attestations: attestationsFor(image, { isPushed }),
    })),
    {
      names: wishes.names,
      annotations: wishes.annotations,
      hasOciTypes: wishes.hasOciTypes ?? true,
      needsIndex: false,
    },
  );
  const records: ImageRecord[] = [];
  for (const [at, { layers }] of exported.entries()) {
    const own = documents.images[at];
    if (!own) continue;
    const { index } = documents;
    const attached = own.attestation;
    records.push(
      await parts.images.add(
        {
          configBytes: own.config.bytes,
          layers: layers.map(({ diffId }, place) => ({ diffId, blob: blobAt(own.layers, place) })),
          lease,
          documents: {
            manifest: own.manifest,
            layers: own.layers,
            ...(index ? { index } : {}),
            ...(attached ? { attached } : {}),
          },
        },
        signal,
      ),
    );
    done(vertex, `exporting manifest ${own.manifest.descriptor.digest}`);
    done(vertex, `exporting config ${own.config.descriptor.digest}`);
    if (attached) {
      done(vertex, `exporting attestation manifest ${attached.manifest.descriptor.digest}`);
    }
  }
  if (documents.index) {
    done(vertex, `exporting manifest list ${documents.index.descriptor.digest}`);
  }
  const platforms = images.map(({ platform }) => platform);
  const best = Math.max(0, selectPlatform(parts.platform, platforms));
  const record = records[best];
  if (!record) throw new InvalidArgumentError("Cannot export: nothing was built");
  return { record, digest: documents.top.digest, documents };
}

function blobAt(layers: readonly Document["descriptor"][], at: number): Document["descriptor"] {
  const blob = layers[at];
  if (!blob) throw new RangeError(`layer ${at}`);
  return blob;
}

/** Repositories that the image is called with its digest. */
function digestNames({
  names,
  isNamedByDigest,
  isPushedByDigest,
  danglingPrefix,
}: ImageAttributes): readonly string[] {
  if (names.length > 0) return isNamedByDigest || isPushedByDigest ? names : [];
  return danglingPrefix === undefined ? [] : [danglingPrefix];
}

function done(vertex: OpenVertex, text: string): void {
  vertex.status(text, 0, undefined, true);
}
