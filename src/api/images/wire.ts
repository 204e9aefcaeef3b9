import type { ImageInspect, ImageManifestSummary, ImageSummary } from "@docker/node-sdk";
import { progressText } from "#base/progress-text.ts";
import type { Platform } from "#spec/platform.ts";
import { ZERO_TIME, formatRfc3339, tryParseRfc3339 } from "#base/rfc3339.ts";
import type {
  ImageHistoryEntry,
  ImageProgress,
  ImageRecord,
  ManifestSummary,
  RemovedImage,
} from "#images/images.ts";
import { descriptorToWire, executionConfigToWire } from "#spec/oci-image.ts";
import { parseImageReference, repositoryName } from "#spec/reference.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import type { Wire } from "#api/wire.ts";

/** Keys that `Config` always has before API 1.52; from then on an empty one is left out. */
const EMPTY_CONFIG = {
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: "",
  Volumes: null,
  WorkingDir: "",
} as const;

/** Keys of a container's configuration that `Config` of an image had as well before API 1.50. */
const CONTAINER_ONLY_CONFIG = {
  Hostname: "",
  Domainname: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Image: "",
} as const;

/** Wide enough for the bar. */
const BAR_COLUMNS = 200;
const NO_TAG = "<none>:<none>";
const NO_DIGEST = "<none>@<none>";

function configToWire(image: ImageRecord, version: ApiVersion): Wire<ImageInspect>["Config"] {
  const config = executionConfigToWire(image.config.config);
  if (isAtLeast(version, "1.52")) return config;
  if (isAtLeast(version, "1.50")) return { ...EMPTY_CONFIG, ...config };
  return { ...CONTAINER_ONLY_CONFIG, ...EMPTY_CONFIG, ...config };
}

/** Image fields that newer API versions took away. */
function legacyInspect(image: ImageRecord, version: ApiVersion): Readonly<Record<string, unknown>> {
  return {
    ...(isAtLeast(version, "1.52")
      ? {}
      : { Parent: image.parentId ?? "", DockerVersion: image.config.dockerVersion }),
    ...(isAtLeast(version, "1.45")
      ? {}
      : { ContainerConfig: { ...CONTAINER_ONLY_CONFIG, ...EMPTY_CONFIG } }),
    ...(isAtLeast(version, "1.44") ? {} : { VirtualSize: image.sizeBytes }),
  };
}

/** `GET /images/{name}/json` */
export function inspectToWire(
  image: ImageRecord,
  graphDriver: { readonly name: string; readonly data: Readonly<Record<string, string>> },
  version: ApiVersion,
): Wire<ImageInspect> {
  const { platform, author, created, history } = image.config;
  // as docker: what the last step says, where the image itself says nothing
  const comment = image.config.comment || (history.at(-1)?.comment ?? "");
  const lastTagged =
    image.lastTaggedMs === undefined
      ? ZERO_TIME
      : formatRfc3339(BigInt(Math.trunc(image.lastTaggedMs)) * 1_000_000n);
  const config = configToWire(image, version);
  return {
    Id: image.id,
    RepoTags: image.tags,
    RepoDigests: image.repoDigests,
    Comment: comment,
    ...(created === undefined ? {} : { Created: created }),
    Author: author,
    Architecture: platform.architecture,
    ...(platform.variant === undefined ? {} : { Variant: platform.variant }),
    Os: platform.os,
    ...(platform.osVersion === undefined ? {} : { OsVersion: platform.osVersion }),
    Size: image.sizeBytes,
    GraphDriver: { Data: graphDriver.data, Name: graphDriver.name },
    RootFS: { Type: "layers", ...(image.diffIds.length > 0 ? { Layers: image.diffIds } : {}) },
    Metadata: { LastTagTime: lastTagged },
    ...(isAtLeast(version, "1.48") ? { Descriptor: descriptorToWire(image.manifest) } : {}),
    ...(config ? { Config: config } : {}),
    ...legacyInspect(image, version),
  };
}

function createdSeconds(image: ImageRecord): number {
  const nanos = tryParseRfc3339(image.config.created ?? "");
  return nanos === undefined ? 0 : Number(nanos / 1_000_000_000n);
}

/**
 * One row of `GET /images/json`.
 *
 * @param counts.containers Made from it; told since API 1.51.
 * @param counts.sharedBytes -1 when it was not asked for.
 */
export function summaryToWire(
  image: ImageRecord,
  { containers, sharedBytes }: { readonly containers: number; readonly sharedBytes: number },
  version: ApiVersion,
): Wire<ImageSummary> {
  const isLegacy = !isAtLeast(version, "1.43");
  const isNameless = image.tags.length === 0 && image.repoDigests.length === 0;
  const { labels } = image.config.config;
  return {
    Containers: isAtLeast(version, "1.51") ? containers : -1,
    Created: createdSeconds(image),
    Id: image.id,
    Labels: Object.keys(labels).length === 0 ? null : labels,
    ParentId: image.parentId ?? "",
    RepoDigests: isLegacy && isNameless ? [NO_DIGEST] : image.repoDigests,
    RepoTags: isLegacy && isNameless ? [NO_TAG] : image.tags,
    SharedSize: sharedBytes,
    Size: image.sizeBytes,
    ...(isAtLeast(version, "1.44") ? {} : { VirtualSize: image.sizeBytes }),
    ...(isAtLeast(version, "1.48") ? { Descriptor: descriptorToWire(image.manifest) } : {}),
  };
}

/** One manifest of an image, as `manifests=1` asks for. */
export function manifestToWire(
  summary: ManifestSummary,
  shown: { readonly containerIds: readonly string[]; readonly withIdentity: boolean },
): Wire<ImageManifestSummary> {
  const { descriptor, kind, contentBytes, image, subject } = summary;
  const unpackedBytes = image?.sizeBytes ?? 0;
  const platform = descriptor.platform ?? image?.config.platform;
  return {
    ID: descriptor.digest,
    Descriptor: descriptorToWire(descriptor),
    Available: summary.isAvailable,
    Size: { Content: contentBytes, Total: contentBytes + unpackedBytes },
    Kind: kind,
    ...(kind === "image"
      ? {
          ImageData: {
            Platform: platform ? platformToWire(platform) : {},
            Containers: shown.containerIds,
            Size: { Unpacked: unpackedBytes },
            ...(shown.withIdentity && image ? { Identity: identityToWire(image) } : {}),
          },
        }
      : {}),
    ...(kind === "attestation" && subject !== undefined
      ? { AttestationData: { For: subject } }
      : {}),
  };
}

/** Where an image came from, or went to: what this engine itself has seen of it. */
function identityToWire(image: ImageRecord): Readonly<Record<string, unknown>> {
  const names = image.repoDigests.map((text) => repositoryName(parseImageReference(text)));
  const repositories = [...new Set(names)];
  if (repositories.length === 0) return {};
  return { Pull: repositories.map((Repository) => ({ Repository })) };
}

/** One row of `GET /images/{name}/history`. */
export function historyToWire(entry: ImageHistoryEntry): Readonly<Record<string, unknown>> {
  return {
    Comment: entry.comment,
    Created: entry.createdSeconds,
    CreatedBy: entry.createdBy,
    Id: entry.id,
    Size: entry.sizeBytes,
    Tags: entry.tags.length === 0 ? null : entry.tags,
  };
}

export function removedToWire(removed: RemovedImage): Readonly<Record<string, unknown>> {
  return {
    ...(removed.untagged === undefined ? {} : { Untagged: removed.untagged }),
    ...(removed.deleted === undefined ? {} : { Deleted: removed.deleted }),
  };
}

export function platformToWire(platform: Platform): Readonly<Record<string, string>> {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.osVersion === undefined ? {} : { "os.version": platform.osVersion }),
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
  };
}

/** One line of a progress stream; before API 1.52 with the bar drawn already. */
export function progressToWire(
  progress: ImageProgress,
  version: ApiVersion,
): Readonly<Record<string, unknown>> {
  const { progress: counts, aux } = progress;
  const { currentBytes, totalBytes } = counts ?? {};
  const bar = isAtLeast(version, "1.52")
    ? ""
    : progressText({ current: currentBytes, total: totalBytes }, BAR_COLUMNS);
  return {
    ...(progress.stream === undefined ? {} : { stream: progress.stream }),
    ...(progress.status === undefined ? {} : { status: progress.status }),
    ...(counts && {
      progressDetail: {
        ...(currentBytes === undefined ? {} : { current: currentBytes }),
        ...(totalBytes === undefined ? {} : { total: totalBytes }),
      },
    }),
    ...(bar === "" ? {} : { progress: bar }),
    ...(progress.id === undefined ? {} : { id: progress.id }),
    ...(aux === undefined ? {} : { aux }),
  };
}
