import type { ImageProgress } from "#images/images.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import { shortId } from "#spec/ids.ts";
import type { Descriptor } from "#spec/oci-image.ts";
import { familiarName, type ImageReference } from "#spec/reference.ts";
import { PluginImage } from "./plugin-image.ts";

const STEP_MS = 100;

/** Sends a plugin's blobs, what its registry lacks of them, and its manifest at last. */
export async function pushPlugin(
  registries: Pick<RegistryClient, "repository">,
  plugin: {
    readonly reference: ImageReference;
    readonly image: string;
    readonly credentials: RegistryCredentials;
  },
  onProgress: (progress: ImageProgress) => void,
  signal: AbortSignal,
): Promise<void> {
  const { reference, credentials } = plugin;
  const { domain, path, tag = "latest" } = reference;
  const image = new PluginImage(plugin.image);
  const { manifest, mediaType, bytes } = image.manifest();
  const say = ({ digest }: Descriptor, status: string): void =>
    onProgress({ id: shortId(digest), status, progress: {} });
  onProgress({ status: `The push refers to repository [${familiarName(reference)}]` });
  const blobs = [...manifest.layers, manifest.config];
  for (const blob of blobs) say(blob, "Preparing");
  const repository = await registries.repository({ domain, path }, credentials, "push");
  for (const blob of blobs) {
    if ((await repository.blobSize(blob.digest, signal)) === undefined) {
      let lastMs = 0;
      const onSent = (currentBytes: number): void => {
        const nowMs = performance.now();
        if (nowMs - lastMs < STEP_MS) return;
        lastMs = nowMs;
        const progress = { currentBytes, totalBytes: blob.sizeBytes };
        onProgress({ id: shortId(blob.digest), status: "Uploading", progress });
      };
      await repository.upload(image.source(blob), [], onSent, signal);
    }
    say(blob, "Upload complete");
  }
  const digest = await repository.putManifest(tag, { mediaType, bytes }, signal);
  const size = bytes.byteLength;
  onProgress({ status: `${tag}: digest: ${digest} size: ${size}` });
  onProgress({ progress: {}, aux: { Tag: tag, Digest: digest, Size: size } });
}
