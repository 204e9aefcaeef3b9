import { RegistryAnswerError } from "#registry-client/errors.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER_GZIP,
  DOCKER_MANIFEST,
  layerCompression,
  OCI_MANIFEST,
} from "#spec/media-types.ts";
import { type Descriptor, type Manifest, manifestToWire } from "#spec/oci-image.ts";

/** Statuses of registries from before OCI: they know the document, and not its type. */
const REFUSING_STATUSES = [400, 405, 415, 422];
const REFUSING_CODES = ["MANIFEST_INVALID", "UNSUPPORTED"];

/** Whether a registry refused a manifest for what it is, rather than for who sent it or what it names. */
export function isRefusedType(error: unknown): boolean {
  if (!(error instanceof RegistryAnswerError)) return false;
  const { status, codes } = error;
  if (status === 415) return true;
  return REFUSING_STATUSES.includes(status) && codes.some((code) => REFUSING_CODES.includes(code));
}

/**
 * The same image in Docker's schema 2, which has no annotations.
 *
 * @returns Undefined where schema 2 cannot say it: it is no OCI manifest, or has layers packed otherwise than by gzip.
 */
export function toDockerManifest(
  manifest: Manifest,
): { readonly mediaType: string; readonly bytes: Uint8Array } | undefined {
  const isSayable = manifest.layers.every((one) => layerCompression(one.mediaType) === "gzip");
  if (manifest.mediaType !== OCI_MANIFEST || !isSayable) return undefined;
  const retyped = ({ digest, sizeBytes }: Descriptor, mediaType: string): Descriptor => ({
    mediaType,
    digest,
    sizeBytes,
  });
  const wire = manifestToWire({
    mediaType: DOCKER_MANIFEST,
    config: retyped(manifest.config, DOCKER_CONFIG),
    layers: manifest.layers.map((one) => retyped(one, DOCKER_LAYER_GZIP)),
  });
  return { mediaType: DOCKER_MANIFEST, bytes: Buffer.from(JSON.stringify(wire)) };
}
