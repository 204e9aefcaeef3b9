import type { BuilderParts } from "#builder/parts.ts";
import type { ChainId } from "#spec/digest.ts";
import type { StepLayers } from "./step-layers.ts";

/** A tree that steps take files from. */
export interface OriginTree {
  /** Absolute path on the host. */
  readonly path: string;
  readonly ignored: readonly string[];
  readonly isOwnedByRoot: boolean;
  /** What it is for sure, where that is known without reading it. */
  readonly identity?: string;
}

/** Layers of images and stages as trees: each mounted once for a build, in a snapshot that goes with it. */
export class MountedChains implements AsyncDisposable {
  readonly #parts: Pick<BuilderParts, "snapshots">;
  readonly #layers: StepLayers;
  readonly #mounted = new Map<string, Promise<OriginTree>>();
  readonly #keys: string[] = [];

  constructor(parts: Pick<BuilderParts, "snapshots">, layers: StepLayers) {
    this.#parts = parts;
    this.#layers = layers;
  }

  /** @param chainId Undefined for a tree without files. */
  open(chainId: ChainId | undefined): Promise<OriginTree> {
    const name = chainId ?? "scratch";
    let opened = this.#mounted.get(name);
    if (!opened) {
      opened = this.#mount(chainId);
      this.#mounted.set(name, opened);
    }
    return opened;
  }

  /** A tree of its own that may be written to, and is forgotten. */
  async openWritable(chainId: ChainId | undefined): Promise<string> {
    return (await this.#mount(chainId, "scratch")).path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#mounted.values());
    for (const key of this.#keys.splice(0)) await this.#parts.snapshots.remove(key);
  }

  async #mount(
    chainId: ChainId | undefined,
    use: "lasting" | "scratch" = "lasting",
  ): Promise<OriginTree> {
    const { snapshots } = this.#parts;
    const key = this.#layers.newKey();
    snapshots.prepare(key, chainId);
    this.#keys.push(key);
    const path = await snapshots.mount(key, undefined, use);
    return { path, ignored: [], isOwnedByRoot: false, identity: chainId ?? "scratch" };
  }
}
