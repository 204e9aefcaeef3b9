import { BoundedQueue } from "#base/async.ts";
import { FailedPreconditionError, NotFoundError } from "#base/errors.ts";
import { tarHeader } from "#base/tar/header.ts";
import { type TarMember, writeTar } from "#base/tar/writer.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { parseJsonStream } from "#client/json-stream.ts";
import type { ProgressMessage } from "#cli/output/progress.ts";
import { type Digest, digestHex, digestOf, type DiffId } from "#spec/digest.ts";
import { shortId } from "#spec/ids.ts";
import {
  type Descriptor,
  IMAGE_CONFIG_MAX_BYTES,
  type ImageConfig,
  parseImageConfig,
} from "#spec/oci-image.ts";
import type { CopySource } from "./source.ts";

const TOLD_MAX = 100;
/** Marks what holds the layers of a copy that is not complete. */
const STEP_LABEL = "wharf.copy.of";

/**
 * Loads the image into an engine that is not Wharf's. Docker's own storage takes an archive without layers that it
 * has: there each missing layer goes by itself, held by an image without a name until the last one has come, so
 * that a copy that is broken off goes on with the next layer. Other engines get one archive with everything.
 */
export async function* loadIntoDocker(
  source: CopySource,
  target: EngineClient,
  tags: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<ProgressMessage> {
  const configBytes = await readConfig(source, signal);
  const config = parseImageConfig(configBytes);
  const copy: Copy = { source, target, config, signal };
  const whole = { configBytes, tags, from: 0, to: config.diffIds.length };
  if (!(await takesMissingLayers(target))) return yield* load(copy, whole);
  const known = await knownLayers(copy);
  for (const [index, { digest }] of source.manifest.layers.entries()) {
    const status = index < known ? "Layer already exists" : "Waiting";
    yield { id: shortId(digest), status, progressDetail: {} };
  }
  for (let to = known + 1; to < config.diffIds.length; to++) {
    const step = stepConfig(config, to, source.id);
    yield* load(copy, { configBytes: step, tags: [], from: to - 1, to });
  }
  const from = Math.max(known, config.diffIds.length - 1);
  yield* load(copy, { ...whole, from: known === config.diffIds.length ? known : from });
  await removeSteps(copy);
}

interface Copy {
  readonly source: CopySource;
  readonly target: EngineClient;
  readonly config: ImageConfig;
  readonly signal: AbortSignal;
}

/** One archive: an image of the layers below `to`, of which those from `from` on are in it. */
interface Step {
  readonly configBytes: Uint8Array;
  readonly tags: readonly string[];
  readonly from: number;
  readonly to: number;
}

async function readConfig(source: CopySource, signal: AbortSignal): Promise<Uint8Array> {
  const { digest, sizeBytes } = source.manifest.config;
  if (sizeBytes > IMAGE_CONFIG_MAX_BYTES) {
    throw new FailedPreconditionError(`Cannot copy ${source.id}: its configuration is too large`);
  }
  const { stream } = await source.open(digest, 0, signal);
  return Buffer.concat(await Array.fromAsync(stream));
}

/** Docker's engine with storage drivers of its own; one with containerd's snapshotters needs every blob. */
async function takesMissingLayers(target: EngineClient): Promise<boolean> {
  const { product } = await target.ping();
  if (!product?.startsWith("Docker/")) return false;
  const info = await target.getJson<{
    readonly DriverStatus?: readonly (readonly [string, string])[] | null;
  }>("/info");
  return !(info.DriverStatus ?? []).some(([, value]) => value.includes("containerd.snapshotter"));
}

/** How many of the image's layers, from the lowest on, the engine has on top of each other. */
async function knownLayers({ target, config, signal }: Copy): Promise<number> {
  const images = await target.getJson<readonly { readonly Id: string }[]>("/images/json", {
    query: { all: "1" },
    signal,
  });
  let most = 0;
  for (const { Id } of images) {
    if (most === config.diffIds.length) break;
    try {
      const { RootFS } = await target.getJson<{
        readonly RootFS?: { readonly Layers?: readonly string[] };
      }>(`/images/${Id}/json`, { signal });
      most = Math.max(most, commonLayers(config.diffIds, RootFS?.Layers ?? []));
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error; // removed since it was listed
    }
  }
  return most;
}

function commonLayers(wanted: readonly DiffId[], there: readonly string[]): number {
  const differs = wanted.findIndex((diffId, index) => there[index] !== diffId);
  return differs < 0 ? wanted.length : differs;
}

function stepConfig(config: ImageConfig, layers: number, of: Digest): Uint8Array {
  const { architecture, os } = config.platform;
  return Buffer.from(
    JSON.stringify({
      architecture,
      os,
      config: { Labels: { [STEP_LABEL]: of } },
      rootfs: { type: "layers", diff_ids: config.diffIds.slice(0, layers) },
    }),
  );
}

async function* load(copy: Copy, step: Step): AsyncGenerator<ProgressMessage> {
  const told = new BoundedQueue<ProgressMessage>({ capacity: TOLD_MAX });
  const work = send(copy, step, (message) => void told.offer(message)); // of what does not fit nothing is missed
  work.then(
    () => told.close(),
    () => told.close(),
  );
  yield* told;
  yield* await work;
  for (const { digest } of copy.source.manifest.layers.slice(step.from, step.to)) {
    yield { id: shortId(digest), status: "Loaded", progressDetail: {} };
  }
}

/** @returns What the engine had to complain of. */
async function send(
  copy: Copy,
  step: Step,
  tell: (message: ProgressMessage) => void,
): Promise<readonly ProgressMessage[]> {
  const { target, signal } = copy;
  const answer = await target.request("POST", "/images/load", {
    query: { quiet: "1" },
    stream: writeTar(members(copy, step, tell)),
    contentType: "application/x-tar",
    signal,
  });
  const complaints: ProgressMessage[] = [];
  for await (const message of parseJsonStream<ProgressMessage>(answer.body())) {
    if (message.error !== undefined || message.errorDetail) complaints.push(message);
  }
  return complaints;
}

async function* members(
  { source, signal }: Copy,
  { configBytes, tags, from, to }: Step,
  tell: (message: ProgressMessage) => void,
): AsyncGenerator<TarMember> {
  const layers = source.manifest.layers.slice(0, to);
  const list = [
    {
      Config: blobPath(digestOf(configBytes)),
      RepoTags: tags.length > 0 ? tags : null,
      Layers: layers.map(({ digest }) => blobPath(digest)),
    },
  ];
  yield member("manifest.json", Buffer.from(JSON.stringify(list)));
  yield member(blobPath(digestOf(configBytes)), configBytes);
  const sent = new Set<Digest>();
  for (const layer of layers.slice(from)) {
    if (sent.has(layer.digest)) continue;
    sent.add(layer.digest);
    const { stream } = await source.open(layer.digest, 0, signal);
    yield { header: layerHeader(layer), body: counted(stream, layer, tell) };
  }
}

async function* counted(
  stream: AsyncIterable<Uint8Array>,
  { digest, sizeBytes }: Descriptor,
  tell: (message: ProgressMessage) => void,
): AsyncGenerator<Uint8Array> {
  let current = 0;
  for await (const chunk of stream) {
    yield chunk;
    current += chunk.byteLength;
    const progressDetail = { current, total: sizeBytes };
    tell({ id: shortId(digest), status: "Sending", progressDetail });
  }
}

function member(name: string, body: Uint8Array): TarMember {
  return { header: tarHeader({ name, type: "file", sizeBytes: body.byteLength }), body };
}

function layerHeader({ digest, sizeBytes }: Descriptor): TarMember["header"] {
  return tarHeader({ name: blobPath(digest), type: "file", sizeBytes });
}

function blobPath(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`;
}

/** Of this copy and of earlier ones that were broken off: the image itself holds their layers now. */
async function removeSteps({ target, source, signal }: Copy): Promise<void> {
  const steps = await target.getJson<readonly { readonly Id: string }[]>("/images/json", {
    query: { all: "1", filters: JSON.stringify({ label: [`${STEP_LABEL}=${source.id}`] }) },
    signal,
  });
  for (const { Id } of steps) {
    try {
      await target.send("DELETE", `/images/${Id}`, { query: { noprune: "1" }, signal });
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error; // another copy was faster
    }
  }
}
