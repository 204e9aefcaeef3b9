import type { BuilderParts } from "#builder/parts.ts";
import type { MappedOwners } from "#snapshots/snapshotter.ts";
import type { ChainId } from "#spec/digest.ts";
import type { MountedRoot, StepLayers } from "./step-layers.ts";

/** A tree that steps take files from. */
export interface OriginTree {
  /** Absolute path on the host. */
  readonly path: string;
  readonly ignored: readonly string[];
  readonly isOwnedByRoot: boolean;
  /** What it is for sure, where that is known without reading it. */
  readonly identity?: string;
}

/** A tree as a step sees it. */
export interface MountedTree {
  /** Absolute path on the host. */
  readonly path: string;
  /** It shows the owners that the step's users have; else those on disk. */
  readonly isMapped: boolean;
}

/** A tree that is mounted for the build. */
interface Mounted {
  readonly key: string;
  readonly chainId: ChainId | undefined;
  readonly isWritable: boolean;
}

/** Layers of images and stages as trees: each mounted once for a build, in a snapshot that goes with it. */
export class MountedChains implements AsyncDisposable {
  readonly #parts: Pick<BuilderParts, "snapshots">;
  readonly #layers: StepLayers;
  /** What many take files from, by name. */
  readonly #shared = new Map<string, Promise<string>>();
  /** By their paths. */
  readonly #mounted = new Map<string, Mounted>();
  readonly #keys: string[] = [];

  constructor(parts: Pick<BuilderParts, "snapshots">, layers: StepLayers) {
    this.#parts = parts;
    this.#layers = layers;
  }

  /** @param chainId Undefined for a tree without files. */
  async open(chainId: ChainId | undefined): Promise<OriginTree> {
    const identity = chainId ?? "scratch";
    const path = await this.#share(identity, () => this.#mount(chainId, { isWritable: false }));
    return { path, ignored: [], isOwnedByRoot: false, identity };
  }

  /** A tree of its own that may be written to, and is forgotten. */
  async openWritable(chainId: ChainId | undefined): Promise<string> {
    return await this.#mount(chainId, { isWritable: true });
  }

  /** The same for a caller who disposes of it himself, before this is disposed of. */
  async openApart(chainId: ChainId | undefined): Promise<MountedRoot & AsyncDisposable> {
    const { snapshots } = this.#parts;
    const key = this.#layers.newKey();
    snapshots.prepare(key, chainId);
    await using undo = new AsyncDisposableStack();
    undo.defer(() => snapshots.remove(key));
    const path = await snapshots.mount(key, undefined, "scratch");
    const open = undo.move();
    return {
      path,
      remount: async (owners) => {
        snapshots.unmount(key);
        await snapshots.mount(key, owners, "scratch");
      },
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
  }

  /** Mounts a writable tree again, with other owners. */
  async remount(path: string, owners?: MappedOwners): Promise<void> {
    const found = this.#mounted.get(path);
    if (!found?.isWritable) throw new RangeError(`${path} is no writable tree`);
    const { snapshots } = this.#parts;
    snapshots.unmount(found.key);
    await snapshots.mount(found.key, owners, "scratch");
  }

  /** The tree at a path with other owners, where it is one of these. */
  async mapped(path: string, owners: MappedOwners): Promise<MountedTree> {
    const found = this.#mounted.get(path);
    if (!found) return { path, isMapped: false };
    if (found.isWritable) {
      await this.remount(path, owners);
      return { path, isMapped: true };
    }
    const { chainId } = found;
    const mount = (): Promise<string> => this.#mount(chainId, { isWritable: false, owners });
    return { path: await this.#share(`${path} mapped`, mount), isMapped: true };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#shared.values());
    for (const key of this.#keys.splice(0)) await this.#parts.snapshots.remove(key);
  }

  #share(name: string, mount: () => Promise<string>): Promise<string> {
    const shared = this.#shared.get(name) ?? mount();
    this.#shared.set(name, shared);
    return shared;
  }

  async #mount(
    chainId: ChainId | undefined,
    { isWritable, owners }: { readonly isWritable: boolean; readonly owners?: MappedOwners },
  ): Promise<string> {
    const { snapshots } = this.#parts;
    const key = this.#layers.newKey();
    snapshots.prepare(key, chainId);
    this.#keys.push(key);
    const path = await snapshots.mount(key, owners, isWritable ? "scratch" : "lasting");
    this.#mounted.set(path, { key, chainId, isWritable });
    return path;
  }
}
