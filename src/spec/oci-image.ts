import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type DiffId, type Digest, parseDiffId, parseDigest } from "./digest.ts";
import { isImageConfigType, isIndexType, isManifestType, layerCompression } from "./media-types.ts";
import { normalisePlatform, type Platform } from "./platform.ts";

/** Largest manifest or index that is read, in bytes (distribution-spec asks registries for 4 MiB). */
export const MANIFEST_MAX_BYTES: number = 4 * 1024 * 1024;
/** Largest image config that is read, in bytes. */
export const IMAGE_CONFIG_MAX_BYTES: number = 8 * 1024 * 1024;
const MAX_LAYERS = 1024;
const MAX_INDEX_ENTRIES = 4096;

/** image-spec descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly urls?: readonly string[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: Platform;
  readonly artifactType?: string;
}

/** image-spec manifest.md, or Docker's manifest v2 schema 2. */
export interface Manifest {
  readonly mediaType: string;
  readonly config: Descriptor;
  /** Lowest layer first. */
  readonly layers: readonly Descriptor[];
  readonly artifactType?: string;
  readonly subject?: Descriptor;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** image-spec image-index.md, or Docker's manifest list. */
export interface ImageIndex {
  readonly mediaType: string;
  readonly manifests: readonly Descriptor[];
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** How to probe a container's health; durations in nanoseconds, 0 for the default. */
export interface ImageHealthcheck {
  readonly test: readonly string[];
  readonly intervalNanoseconds: number;
  readonly timeoutNanoseconds: number;
  readonly startPeriodNanoseconds: number;
  readonly startIntervalNanoseconds: number;
  readonly retries: number;
}

/** The `config` object: what a container gets where its own configuration says nothing. */
export interface ImageExecutionConfig {
  readonly user: string;
  readonly exposedPorts: readonly string[];
  readonly env: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly cmd?: readonly string[];
  readonly volumes: readonly string[];
  readonly workingDir: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal?: string;
  readonly stopTimeoutSeconds?: number;
  readonly healthcheck?: ImageHealthcheck;
  readonly onBuild: readonly string[];
  readonly shell?: readonly string[];
  readonly argsEscaped: boolean;
}

export interface ImageHistoryEntry {
  /** RFC 3339; absent in images made reproducibly. */
  readonly created?: string;
  readonly createdBy: string;
  readonly author: string;
  readonly comment: string;
  /** The step made no layer. */
  readonly emptyLayer: boolean;
}

/** image-spec config.md. Its digest is the image's ID. */
export interface ImageConfig {
  readonly created?: string;
  readonly author: string;
  readonly platform: Platform;
  readonly osFeatures: readonly string[];
  readonly config: ImageExecutionConfig;
  /** Lowest layer first. */
  readonly diffIds: readonly DiffId[];
  readonly history: readonly ImageHistoryEntry[];
  /** Only in images that Docker's legacy builder or `commit` made. */
  readonly comment: string;
  readonly dockerVersion: string;
}

/** What an image without any configuration gives. */
export const EMPTY_EXECUTION_CONFIG: ImageExecutionConfig = {
  user: "",
  exposedPorts: [],
  env: [],
  volumes: [],
  workingDir: "",
  labels: {},
  onBuild: [],
  argsEscaped: false,
};

function decode(bytes: Uint8Array, maxBytes: number, noun: string): JsonReader {
  if (bytes.byteLength > maxBytes) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: ${bytes.byteLength} bytes are over the limit of ${maxBytes}`,
    );
  }
  const prefix = `Cannot read ${noun}: `;
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return JsonReader.of(parseJson(text), { prefix });
  } catch (cause) {
    if (cause instanceof InvalidArgumentError && cause.message.startsWith(prefix)) throw cause;
    throw new InvalidArgumentError(prefix + messageOf(cause), { cause });
  }
}

function required(reader: JsonReader, key: string, noun: string): string {
  const value = reader.string(key);
  if (!value) throw new InvalidArgumentError(`Cannot read ${noun}: "${key}" is missing`);
  return value;
}

function readDigest(text: string, noun: string): Digest {
  try {
    return parseDigest(text);
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: digest ${JSON.stringify(text.slice(0, 200))}: ${messageOf(cause)}`,
      { cause },
    );
  }
}

function readPlatform(reader: JsonReader): Platform | undefined {
  const os = reader.string("os") ?? "";
  const architecture = reader.string("architecture") ?? "";
  if (os === "" && architecture === "") return undefined;
  return normalisePlatform({
    os,
    architecture,
    variant: reader.string("variant"),
    osVersion: reader.string("os.version"),
  });
}

function readDescriptor(reader: JsonReader, noun: string): Descriptor {
  const sizeBytes = reader.integer("size") ?? 0;
  if (sizeBytes < 0)
    throw new InvalidArgumentError(`Cannot read ${noun}: size ${sizeBytes} is negative`);
  const urls = reader.strings("urls");
  const annotations = reader.stringMap("annotations");
  const platformReader = reader.object("platform");
  const platform = platformReader && readPlatform(platformReader);
  const artifactType = reader.string("artifactType");
  return {
    mediaType: required(reader, "mediaType", noun),
    digest: readDigest(required(reader, "digest", noun), noun),
    sizeBytes,
    ...(urls && { urls }),
    ...(annotations && { annotations }),
    ...(platform && { platform }),
    ...(artifactType ? { artifactType } : {}),
  };
}

function checkSchemaVersion(reader: JsonReader, noun: string): void {
  const version = reader.integer("schemaVersion");
  if (version === 1) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: schema version 1 is no longer supported, push the image again with a current client`,
    );
  }
  if (version !== 2) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: schema version ${version ?? "missing"}, want 2`,
    );
  }
}

function extras(reader: JsonReader): {
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
} {
  const artifactType = reader.string("artifactType");
  const annotations = reader.stringMap("annotations");
  return { ...(artifactType ? { artifactType } : {}), ...(annotations && { annotations }) };
}

/**
 * The media type says what is read; a document that claims to be both kinds could mean one image to
 * us and another to the registry that signed it (CVE-2021-41190).
 */
function checkUnambiguous(reader: JsonReader, forbidden: readonly string[], noun: string): void {
  for (const key of forbidden) {
    if (reader.has(key)) {
      throw new InvalidArgumentError(
        `Cannot read ${noun}: it has "${key}" as well, which is ambiguous`,
      );
    }
  }
}

function documentType(
  reader: JsonReader,
  outer: string,
  isWanted: (type: string) => boolean,
  noun: string,
): string {
  const inner = reader.string("mediaType") ?? "";
  const mediaType = inner || outer;
  if (!isWanted(mediaType)) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: media type ${JSON.stringify(mediaType.slice(0, 200))} is not supported`,
    );
  }
  if (inner && outer && inner !== outer) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: it calls itself ${inner}, but was sent as ${outer.slice(0, 200)}`,
    );
  }
  return mediaType;
}

/**
 * @param mediaType What the descriptor or the registry's `Content-Type` said.
 * @throws {InvalidArgumentError} When it is no manifest, too large, or contradicts itself.
 */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest {
  const noun = "image manifest";
  const reader = decode(bytes, MANIFEST_MAX_BYTES, noun);
  checkSchemaVersion(reader, noun);
  checkUnambiguous(reader, ["manifests", "fsLayers"], noun);
  const config = reader.object("config");
  if (!config) throw new InvalidArgumentError(`Cannot read ${noun}: "config" is missing`);
  const layers = reader.objects("layers") ?? [];
  if (layers.length > MAX_LAYERS) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: ${layers.length} layers, the limit is ${MAX_LAYERS}`,
    );
  }
  const subject = reader.object("subject");
  return {
    mediaType: documentType(reader, mediaType, isManifestType, noun),
    config: readDescriptor(config, noun),
    layers: layers.map((layer) => readDescriptor(layer, noun)),
    ...(subject && { subject: readDescriptor(subject, noun) }),
    ...extras(reader),
  };
}

/**
 * @param mediaType What the descriptor or the registry's `Content-Type` said.
 * @throws {InvalidArgumentError} When it is no index, too large, or contradicts itself.
 */
export function parseIndex(bytes: Uint8Array, mediaType: string): ImageIndex {
  const noun = "image index";
  const reader = decode(bytes, MANIFEST_MAX_BYTES, noun);
  checkSchemaVersion(reader, noun);
  checkUnambiguous(reader, ["config", "layers", "fsLayers"], noun);
  const manifests = reader.objects("manifests") ?? [];
  if (manifests.length > MAX_INDEX_ENTRIES) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: ${manifests.length} manifests, the limit is ${MAX_INDEX_ENTRIES}`,
    );
  }
  return {
    mediaType: documentType(reader, mediaType, isIndexType, noun),
    manifests: manifests.map((manifest) => readDescriptor(manifest, noun)),
    ...extras(reader),
  };
}

/** Whether a manifest describes a runnable image rather than an artifact (attestation, chart). */
export function isImageManifest(manifest: Manifest): boolean {
  return (
    isImageConfigType(manifest.config.mediaType) &&
    manifest.layers.every((layer) => layerCompression(layer.mediaType) !== undefined)
  );
}

function readHealthcheck(reader: JsonReader): ImageHealthcheck {
  return {
    test: reader.strings("Test") ?? [],
    intervalNanoseconds: reader.integer("Interval", "time.Duration") ?? 0,
    timeoutNanoseconds: reader.integer("Timeout", "time.Duration") ?? 0,
    startPeriodNanoseconds: reader.integer("StartPeriod", "time.Duration") ?? 0,
    startIntervalNanoseconds: reader.integer("StartInterval", "time.Duration") ?? 0,
    retries: reader.integer("Retries", "int") ?? 0,
  };
}

function readExecutionConfig(reader: JsonReader): ImageExecutionConfig {
  const entrypoint = reader.stringOrStrings("Entrypoint");
  const cmd = reader.stringOrStrings("Cmd");
  const shell = reader.stringOrStrings("Shell");
  const stopSignal = reader.string("StopSignal");
  const stopTimeoutSeconds = reader.integer("StopTimeout", "int");
  const healthcheck = reader.object("Healthcheck");
  const keys = (name: string): readonly string[] =>
    (reader.entries(name, "map[string]struct {}") ?? []).map(([key]) => key);
  return {
    user: reader.string("User") ?? "",
    exposedPorts: keys("ExposedPorts"),
    env: reader.strings("Env") ?? [],
    ...(entrypoint && { entrypoint }),
    ...(cmd && { cmd }),
    volumes: keys("Volumes"),
    workingDir: reader.string("WorkingDir") ?? "",
    labels: reader.stringMap("Labels") ?? {},
    ...(stopSignal ? { stopSignal } : {}),
    ...(stopTimeoutSeconds === undefined ? {} : { stopTimeoutSeconds }),
    ...(healthcheck && { healthcheck: readHealthcheck(healthcheck) }),
    onBuild: reader.strings("OnBuild") ?? [],
    ...(shell && { shell }),
    argsEscaped: reader.boolean("ArgsEscaped") ?? false,
  };
}

function readHistory(reader: JsonReader): ImageHistoryEntry {
  const created = reader.string("created");
  return {
    ...(created ? { created } : {}),
    createdBy: reader.string("created_by") ?? "",
    author: reader.string("author") ?? "",
    comment: reader.string("comment") ?? "",
    emptyLayer: reader.boolean("empty_layer") ?? false,
  };
}

/** @throws {InvalidArgumentError} When it is no image config, or its layers and history disagree. */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const noun = "image config";
  const reader = decode(bytes, IMAGE_CONFIG_MAX_BYTES, noun);
  const rootfs = reader.object("rootfs");
  if (!rootfs) throw new InvalidArgumentError(`Cannot read ${noun}: "rootfs" is missing`);
  const type = rootfs.string("type") ?? "layers";
  if (type !== "layers") {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: rootfs type ${JSON.stringify(type)}, want "layers"`,
    );
  }
  const ids = rootfs.strings("diff_ids") ?? [];
  if (ids.length > MAX_LAYERS) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: ${ids.length} layers, the limit is ${MAX_LAYERS}`,
    );
  }
  const history = (reader.objects("history") ?? []).map(readHistory);
  const withLayer = history.filter((entry) => !entry.emptyLayer).length;
  if (withLayer > ids.length) {
    throw new InvalidArgumentError(
      `Cannot read ${noun}: history names ${withLayer} layers, rootfs ${ids.length}`,
    );
  }
  const created = reader.string("created");
  const config = reader.object("config");
  return {
    ...(created ? { created } : {}),
    author: reader.string("author") ?? "",
    platform: readPlatform(reader) ?? { os: "linux", architecture: "" },
    osFeatures: reader.strings("os.features") ?? [],
    config: config ? readExecutionConfig(config) : EMPTY_EXECUTION_CONFIG,
    diffIds: ids.map((id) => parseDiffId(readDigest(id, noun))),
    history,
    comment: reader.string("comment") ?? "",
    dockerVersion: reader.string("docker_version") ?? "",
  };
}

function platformToWire(platform: Platform): Readonly<Record<string, unknown>> {
  return {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.osVersion === undefined ? {} : { "os.version": platform.osVersion }),
    ...(platform.variant === undefined ? {} : { variant: platform.variant }),
  };
}

/** The descriptor as JSON documents write it, keys in the order of the specification. */
export function descriptorToWire(descriptor: Descriptor): Readonly<Record<string, unknown>> {
  return {
    mediaType: descriptor.mediaType,
    digest: descriptor.digest,
    size: descriptor.sizeBytes,
    ...(descriptor.urls && { urls: descriptor.urls }),
    ...(descriptor.annotations && { annotations: descriptor.annotations }),
    ...(descriptor.platform && { platform: platformToWire(descriptor.platform) }),
    ...(descriptor.artifactType === undefined ? {} : { artifactType: descriptor.artifactType }),
  };
}

export function manifestToWire(manifest: Manifest): Readonly<Record<string, unknown>> {
  return {
    schemaVersion: 2,
    mediaType: manifest.mediaType,
    ...(manifest.artifactType === undefined ? {} : { artifactType: manifest.artifactType }),
    config: descriptorToWire(manifest.config),
    layers: manifest.layers.map(descriptorToWire),
    ...(manifest.subject && { subject: descriptorToWire(manifest.subject) }),
    ...(manifest.annotations && { annotations: manifest.annotations }),
  };
}

export function indexToWire(index: ImageIndex): Readonly<Record<string, unknown>> {
  return {
    schemaVersion: 2,
    mediaType: index.mediaType,
    ...(index.artifactType === undefined ? {} : { artifactType: index.artifactType }),
    manifests: index.manifests.map(descriptorToWire),
    ...(index.annotations && { annotations: index.annotations }),
  };
}

/** Sorted, as Go writes maps: an image's id is not to depend on the order that a client gave them in. */
function byName<Value>(map: Readonly<Record<string, Value>>): Readonly<Record<string, Value>> {
  const entries = Object.entries(map);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

function emptySet(keys: readonly string[]): Readonly<Record<string, object>> {
  return byName(Object.fromEntries(keys.map((key) => [key, {}])));
}

/** The `config` object in Docker's own field names, without the fields that say nothing. */
export function executionConfigToWire(
  config: ImageExecutionConfig,
): Readonly<Record<string, unknown>> {
  const { healthcheck: check } = config;
  return {
    ...(config.user ? { User: config.user } : {}),
    ...(config.exposedPorts.length > 0 ? { ExposedPorts: emptySet(config.exposedPorts) } : {}),
    ...(config.env.length > 0 ? { Env: config.env } : {}),
    ...(config.entrypoint && { Entrypoint: config.entrypoint }),
    ...(config.cmd && { Cmd: config.cmd }),
    ...(check && {
      Healthcheck: {
        ...(check.test.length > 0 ? { Test: check.test } : {}),
        ...(check.intervalNanoseconds ? { Interval: check.intervalNanoseconds } : {}),
        ...(check.timeoutNanoseconds ? { Timeout: check.timeoutNanoseconds } : {}),
        ...(check.startPeriodNanoseconds ? { StartPeriod: check.startPeriodNanoseconds } : {}),
        ...(check.startIntervalNanoseconds
          ? { StartInterval: check.startIntervalNanoseconds }
          : {}),
        ...(check.retries ? { Retries: check.retries } : {}),
      },
    }),
    ...(config.volumes.length > 0 ? { Volumes: emptySet(config.volumes) } : {}),
    ...(config.workingDir ? { WorkingDir: config.workingDir } : {}),
    ...(config.onBuild.length > 0 ? { OnBuild: config.onBuild } : {}),
    ...(Object.keys(config.labels).length > 0 ? { Labels: byName(config.labels) } : {}),
    ...(config.stopSignal === undefined ? {} : { StopSignal: config.stopSignal }),
    ...(config.stopTimeoutSeconds === undefined ? {} : { StopTimeout: config.stopTimeoutSeconds }),
    ...(config.shell && { Shell: config.shell }),
    ...(config.argsEscaped ? { ArgsEscaped: true } : {}),
  };
}

/** The document whose bytes (`stringifyJsonHtml`) are digested to the image's ID. */
export function imageConfigToWire(image: ImageConfig): Readonly<Record<string, unknown>> {
  return {
    ...platformToWire(image.platform),
    ...(image.osFeatures.length > 0 ? { "os.features": image.osFeatures } : {}),
    config: executionConfigToWire(image.config),
    ...(image.created === undefined ? {} : { created: image.created }),
    ...(image.author ? { author: image.author } : {}),
    ...(image.comment ? { comment: image.comment } : {}),
    ...(image.dockerVersion ? { docker_version: image.dockerVersion } : {}),
    history: image.history.map((entry) => ({
      ...(entry.created === undefined ? {} : { created: entry.created }),
      ...(entry.author ? { author: entry.author } : {}),
      ...(entry.createdBy ? { created_by: entry.createdBy } : {}),
      ...(entry.comment ? { comment: entry.comment } : {}),
      ...(entry.emptyLayer ? { empty_layer: true } : {}),
    })),
    rootfs: { type: "layers", diff_ids: image.diffIds },
  };
}
