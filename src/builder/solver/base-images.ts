import { findNamedContext } from "#builder/named-contexts.ts";
import { InvalidArgumentError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { BuildTrace } from "#builder/attestations/trace.ts";
import { type BaseImage, findImage } from "#builder/sources/image-source.ts";
import {
  type LayoutPlace,
  type LayoutWish,
  parseLayoutPlace,
  takeLayoutImage,
} from "#builder/sources/layout-image.ts";
import { chainIdsOf, digestOf } from "#spec/digest.ts";
import { imageConfigToWire } from "#spec/oci-image.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";
import type { SharedSolving, Solving } from "./solving.ts";
import type { OpenVertex } from "./vertices.ts";

/** Scheme of a named context that is the result of another build. */
const INPUT_CONTEXT = "input:";

/** Images that a build begins from or copies of, each looked for once and held until the build ends. */
export class BaseImages {
  readonly #shared: SharedSolving;
  readonly #solving: Solving;
  readonly #trace: BuildTrace;
  readonly #signal: AbortSignal;
  readonly #found = new Map<string, Promise<BaseImage>>();
  readonly #nodes = new Map<string, string>();

  constructor(shared: SharedSolving, solving: Solving, trace: BuildTrace, signal: AbortSignal) {
    this.#shared = shared;
    this.#solving = solving;
    this.#trace = trace;
    this.#signal = signal;
  }

  /**
   * @param reference As the Dockerfile has it; it may be the name of a context.
   * @param vertex Told of what a pull brings.
   * @throws {NotFoundError} There is none.
   */
  get(reference: string, platform: Platform, vertex?: OpenVertex): Promise<BaseImage> {
    const key = keyOf(reference, platform);
    let found = this.#found.get(key);
    if (!found) {
      found = this.#resolve(reference, platform, vertex);
      this.#found.set(key, found);
    }
    return found;
  }

  /** Its name in the trace, once it was found. */
  node(reference: string, platform: Platform): string | undefined {
    return this.#nodes.get(keyOf(reference, platform));
  }

  async #resolve(
    reference: string,
    platform: Platform,
    vertex: OpenVertex | undefined,
  ): Promise<BaseImage> {
    const { parts } = this.#shared;
    const { options, lease, request } = this.#solving;
    const named = findNamedContext(options.namedContexts, reference, platform);
    if (named?.startsWith(INPUT_CONTEXT)) return this.#inputImage(named);
    const layout = named === undefined ? undefined : parseLayoutPlace(named);
    if (layout) return await this.#layoutImage(layout, platform, vertex);
    const name = named === undefined ? reference : named.replace(/^docker-image:\/\//, "");
    const image = await findImage(
      parts.images,
      {
        reference: name,
        host: parts.platform,
        platform,
        pulls: options.pulls,
        ...(request.credentials ? { credentials: request.credentials } : {}),
        onProgress: (id, current, total) => vertex?.status(id, current, total),
      },
      this.#signal,
    );
    for (const chainId of chainIdsOf(image.diffIds)) lease.addLayer(chainId);
    for (const { digest } of image.layers) lease.add(digest);
    const { digest } = image.index ?? image.manifest;
    const found = { reference: name, digest, isPulled: options.pulls };
    this.#nodes.set(keyOf(reference, platform), this.#trace.image(found, platform));
    return image;
  }

  /** An image in a folder of the client's. */
  async #layoutImage(
    { storeId, digest }: LayoutPlace,
    platform: Platform,
    vertex: OpenVertex | undefined,
  ): Promise<BaseImage> {
    const { lease, request } = this.#solving;
    if (!request.stores) {
      throw new UnsupportedError("Cannot take an image from an OCI layout: the client offers none");
    }
    const onProgress: LayoutWish["onProgress"] = (id, current, total) =>
      vertex?.status(id, current, total);
    const store = request.stores(storeId);
    const wish = { store, digest, platform, lease, onProgress };
    return await takeLayoutImage(this.#shared.parts, wish, this.#signal);
  }

  /** The result of another build: its layers are held from now on. @throws {NotFoundError} They are gone. */
  #inputImage(named: string): BaseImage {
    const { lease, request } = this.#solving;
    const name = named.slice(INPUT_CONTEXT.length);
    const input = request.inputs?.get(name);
    if (!input)
      throw new InvalidArgumentError(`Cannot take context ${name}: no result came for it`);
    const { config, layers } = input;
    for (const chainId of chainIdsOf(config.diffIds)) {
      if (!this.#shared.parts.snapshots.stat(chainId)) {
        throw new NotFoundError(`Cannot take context ${name}: its result is gone, build it again`);
      }
      lease.addLayer(chainId);
    }
    for (const { digest } of layers) lease.add(digest);
    const id = digestOf(JSON.stringify(imageConfigToWire(config)));
    return { id, config, diffIds: config.diffIds, layers };
  }
}

function keyOf(reference: string, platform: Platform): string {
  return `${reference} ${formatPlatform(platform)}`;
}
