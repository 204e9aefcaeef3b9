import { digestOf } from "#spec/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "#spec/media-types.ts";
import type { Step } from "./case.ts";

/** Content that cases push, with its digests. */
export interface TestBlob {
  readonly text: string;
  readonly digest: string;
  readonly sha512: string;
}

export function blobOf(text: string): TestBlob {
  return { text, digest: digestOf(text), sha512: digestOf(text, "sha512") };
}

export interface TestManifest extends TestBlob {
  readonly mediaType: string;
}

export const CONFIG: TestBlob = blobOf("{}");
export const LAYER: TestBlob = blobOf("a layer, which a registry does not look into");

function manifestOf(mediaType: string, value: object): TestManifest {
  return { ...blobOf(JSON.stringify({ schemaVersion: 2, mediaType, ...value })), mediaType };
}

/** An image of `CONFIG` and `LAYER`. @param more Further keys, or others in their place. */
export function imageOf(more: Readonly<Record<string, unknown>> = {}): TestManifest {
  return manifestOf(OCI_MANIFEST, {
    config: { mediaType: OCI_CONFIG, digest: CONFIG.digest, size: CONFIG.text.length },
    layers: [{ mediaType: OCI_LAYER, digest: LAYER.digest, size: LAYER.text.length }],
    ...more,
  });
}

export function indexOf(
  manifests: readonly TestManifest[],
  more: Readonly<Record<string, unknown>> = {},
): TestManifest {
  return manifestOf(OCI_INDEX, { manifests: manifests.map(descriptorOf), ...more });
}

export function descriptorOf({ mediaType, digest, text }: TestManifest): object {
  return { mediaType, digest, size: Buffer.byteLength(text) };
}

export function pushBlobStep(blob: TestBlob, repository = "{repo}"): Step {
  const send = `POST /v2/${repository}/blobs/uploads/?digest=${blob.digest}`;
  return { send, body: blob.text, status: 201 };
}

export function pushManifestStep(manifest: TestManifest, reference: string): Step {
  const send = `PUT /v2/{repo}/manifests/${reference}`;
  const headers = { "Content-Type": manifest.mediaType };
  return { send, headers, body: manifest.text, status: 201 };
}

/** Blobs of every image, then the image. */
export function pushImageSteps(image: TestManifest, reference: string): readonly Step[] {
  return [pushBlobStep(CONFIG), pushBlobStep(LAYER), pushManifestStep(image, reference)];
}
