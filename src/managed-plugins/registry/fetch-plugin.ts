import { createHash } from "node:crypto";
import { rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { ImageProgress } from "#images/images.ts";
import type { LayerUnpacker } from "#images/unpack/process-unpacker.ts";
import { type PluginConfig, parsePluginConfig } from "#managed-plugins/plugin-config.ts";
import type { RegistryCredentials } from "#registry-client/auth/credentials.ts";
import { RegistryAnswerError } from "#registry-client/errors.ts";
import type { RegistryClient } from "#registry-client/registry-client.ts";
import type { Repository } from "#registry-client/repository.ts";
import { withRetries } from "#registry-client/retry.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import { isManifestType } from "#spec/media-types.ts";
import { type Descriptor, type Manifest, parseManifest } from "#spec/oci-image.ts";
import { familiarName, familiarReference, type ImageReference } from "#spec/reference.ts";
import { PLUGIN_CONFIG_TYPE, PluginImage } from "./plugin-image.ts";

const CONFIG_MAX_BYTES = 1024 * 1024;
const STEP_MS = 100;

/** A plugin as its registry has it; nothing of its files is fetched yet. */
export interface RemotePlugin {
  readonly reference: ImageReference;
  readonly repository: Repository;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly configBytes: Uint8Array;
  readonly config: PluginConfig;
}

/** @throws {NotFoundError} There is none. {InvalidArgumentError} It is no plugin. */
export async function resolveRemotePlugin(
  registries: Pick<RegistryClient, "repository">,
  reference: ImageReference,
  credentials: RegistryCredentials,
  signal: AbortSignal,
): Promise<RemotePlugin> {
  const { domain, path } = reference;
  const repository = await registries.repository({ domain, path }, credentials, "pull");
  const target = reference.digest ?? reference.tag ?? "latest";
  const fetched = await repository.fetchManifest(target, signal).catch((error: unknown) => {
    throw explained(error, reference);
  });
  const { mediaType } = fetched.descriptor;
  const manifest = isManifestType(mediaType) ? parseManifest(fetched.bytes, mediaType) : undefined;
  if (manifest?.config.mediaType !== PLUGIN_CONFIG_TYPE) {
    throw new NotFoundError(
      `did not find plugin config for specified reference ${familiarReference(reference)}`,
    );
  }
  const { digest, sizeBytes } = manifest.config;
  if (sizeBytes > CONFIG_MAX_BYTES) {
    throw new InvalidArgumentError(`config.json is over ${CONFIG_MAX_BYTES} bytes`);
  }
  const configBytes = await repository.readBlob(digest, CONFIG_MAX_BYTES, signal);
  if (digestOf(configBytes) !== digest) {
    throw new InvalidArgumentError(`plugin config verification failed for digest ${digest}`);
  }
  const config = parsePluginConfig(new TextDecoder().decode(configBytes));
  return { reference, repository, manifest, manifestBytes: fetched.bytes, configBytes, config };
}

function explained(error: unknown, reference: ImageReference): unknown {
  if (!(error instanceof RegistryAnswerError)) return error;
  const prefix = "error resolving plugin reference: ";
  const options = { cause: error };
  switch (error.kind) {
    case "not-found":
      return new NotFoundError(`${prefix}${familiarReference(reference)}: not found`, options);
    case "unauthenticated":
    case "permission-denied":
      return new NotFoundError(
        `${prefix}pull access denied, repository does not exist or may require authorization: ` +
          error.message,
        options,
      );
    default:
      return new FailedPreconditionError(prefix + error.message, options);
  }
}

export interface FetchParts {
  readonly unpacker: LayerUnpacker;
  readonly registries: Pick<RegistryClient, "retry">;
}

/** Where a plugin's files go; all of it is new, and the caller's to remove after a failure. */
export interface FetchTarget {
  readonly image: string;
  readonly root: string;
}

type OnProgress = (progress: ImageProgress) => void;

/** Fetches, verifies and unpacks a plugin's files. */
export async function fetchPlugin(
  parts: FetchParts,
  plugin: RemotePlugin,
  target: FetchTarget,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const image = new PluginImage(target.image);
  image.writeBlob(plugin.configBytes);
  const say = (layer: Descriptor, status: string): void =>
    onProgress({ id: shortId(layer.digest), status, progress: {} });
  for (const layer of plugin.manifest.layers) say(layer, "Waiting");
  const diffIds = diffIdsOf(plugin.configBytes);
  for (const [index, layer] of plugin.manifest.layers.entries()) {
    const path = image.pathOf(layer.digest);
    await download(parts, plugin, layer, path, onProgress, signal);
    say(layer, "Download complete");
    const request = { blobPath: path, directory: target.root, form: "merged" } as const;
    const { diffId } = await parts.unpacker.unpack(request, signal);
    const wanted = diffIds[index];
    if (wanted !== undefined && wanted !== diffId) {
      throw new InvalidArgumentError(
        `plugin layer verification failed for digest ${layer.digest}: its files are ${diffId}, ` +
          `its configuration says ${JSON.stringify(wanted)}`,
      );
    }
    say(layer, "Complete");
  }
  image.writeManifest(plugin.manifestBytes);
}

/** Of the layers, in their order; none where the plugin's maker named none. */
function diffIdsOf(configBytes: Uint8Array): readonly unknown[] {
  // it was parsed before
  const config = JSON.parse(new TextDecoder().decode(configBytes)) as {
    readonly rootfs?: { readonly diff_ids?: unknown };
  };
  const found = config.rootfs?.diff_ids;
  return Array.isArray(found) ? found : [];
}

/** Goes on where a connection broke off. @throws {InvalidArgumentError} It is not what the manifest says. */
async function download(
  { registries }: FetchParts,
  { repository }: RemotePlugin,
  layer: Descriptor,
  path: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  await using file = await open(path, "w", 0o600);
  const { digest, sizeBytes } = layer;
  let hash = createHash("sha256");
  let at = 0;
  let lastMs = 0;
  const once = async (): Promise<void> => {
    const opened = await repository.openBlob({ digest, offset: at }, signal);
    if (opened.offset === 0 && at > 0) {
      at = 0;
      hash = createHash("sha256");
    }
    for await (const chunk of opened.stream) {
      if (at + chunk.byteLength > sizeBytes) throw wrongLayer(layer, "it is longer");
      await file.write(chunk, 0, chunk.byteLength, at);
      hash.update(chunk);
      at += chunk.byteLength;
      const nowMs = performance.now();
      if (nowMs - lastMs < STEP_MS) continue;
      lastMs = nowMs;
      const progress = { currentBytes: at, totalBytes: sizeBytes };
      onProgress({ id: shortId(digest), status: "Downloading", progress });
    }
  };
  await withRetries(registries.retry, once, signal);
  const actual = hash.digest("hex");
  if (at === sizeBytes && actual === digestHex(digest)) return;
  rmSync(path);
  throw wrongLayer(layer, `what came has sha256:${actual} and ${at} bytes`);
}

function wrongLayer({ digest, sizeBytes }: Descriptor, why: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `plugin layer verification failed for digest ${digest} of ${sizeBytes} bytes: ${why}`,
  );
}

/** What docker says first of a pull. */
export function announce({ reference, manifestBytes }: RemotePlugin, onProgress: OnProgress): void {
  const id = reference.tag ?? reference.digest ?? "";
  onProgress({ status: `Pulling from ${familiarName(reference)}`, id });
  onProgress({ status: `Digest: ${reference.digest ?? digestOf(manifestBytes)}` });
}
