import { findNamedContext } from "#builder/named-contexts.ts";
import type { FileOrigin } from "#builder/graph/step.ts";
import { withoutCredentials } from "#builder/attestations/redact.ts";
import { isRemoteContext } from "#builder/remote/remote-context.ts";
import { transferProgress } from "#builder/sources/contexts.ts";
import type { LocalTree } from "#builder/sources/local-source.ts";
import { type ChainId, chainIdsOf } from "#spec/digest.ts";
import type { BaseImages } from "./base-images.ts";
import { MountedChains, type MountedTree, type OriginTree } from "./mounted-chains.ts";
import type { SharedSolving, Solving } from "./solving.ts";
import type { MountedRoot } from "./step-layers.ts";

export interface OriginTreesOptions {
  readonly shared: SharedSolving;
  readonly solving: Solving;
  readonly images: BaseImages;
  /** Topmost layer of a stage, when that is built. */
  readonly topOfStage: (index: number) => Promise<ChainId | undefined>;
}

/** Trees that steps of one build take files from, each opened once and closed with the build. */
export class OriginTrees implements AsyncDisposable {
  readonly #shared: SharedSolving;
  readonly #solving: Solving;
  readonly #images: BaseImages;
  readonly #topOfStage: OriginTreesOptions["topOfStage"];
  readonly #signal: AbortSignal;
  readonly #chains: MountedChains;
  readonly #locals = new Map<string, Promise<LocalTree>>();
  #context: Promise<LocalTree> | undefined;

  constructor({ shared, solving, images, topOfStage }: OriginTreesOptions, signal: AbortSignal) {
    this.#shared = shared;
    this.#solving = solving;
    this.#images = images;
    this.#topOfStage = topOfStage;
    this.#signal = signal;
    this.#chains = new MountedChains(shared.parts, shared.layers);
  }

  /** Nothing may be opened any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#chains[Symbol.asyncDispose]();
    for (const opened of [this.#context, ...this.#locals.values()]) {
      const tree = await opened?.catch(() => undefined); // whoever opened it was told
      await tree?.[Symbol.asyncDispose]();
    }
  }

  /** A new tree of a layer's files, the caller's to dispose of before this is. */
  openApart(chainId: ChainId | undefined): Promise<MountedRoot & AsyncDisposable> {
    return this.#chains.openApart(chainId);
  }

  async open(origin: FileOrigin): Promise<OriginTree> {
    switch (origin.kind) {
      case "context":
        return await this.#contextTree();
      case "stage": {
        return await this.#chains.open(await this.#topOfStage(origin.index));
      }
      case "named": {
        const { options, platform } = this.#solving;
        const named = findNamedContext(options.namedContexts, origin.name, platform);
        if (named?.startsWith("local:")) {
          const name = named.slice("local:".length);
          return await this.#localTree(name, `[context ${name}] load from client`);
        }
        if (named !== undefined && isRemoteContext(named)) {
          return await this.#localTree(
            named,
            `[context ${origin.name}] ${withoutCredentials(named)}`,
          );
        }
        const image = await this.#images.get(origin.name, this.#solving.platform);
        return await this.#chains.open(chainIdsOf(image.diffIds).at(-1));
      }
    }
  }

  /** For a RUN to look at; where it may write, what it writes is forgotten. */
  async openMount(origin: FileOrigin, isReadOnly: boolean): Promise<MountedTree> {
    const tree = await this.open(origin);
    // what is ignored must not be seen
    const isAsItIs = isReadOnly && tree.ignored.length === 0;
    const path = isAsItIs ? tree.path : await this.#openScratch(tree);
    const { users } = this.#shared.parts.steps;
    if (!users) return { path, isMapped: false };
    return await this.#chains.mapped(path, await users.owners());
  }

  /** A copy that may be written to. @returns Its path on the host. */
  async #openScratch(tree: OriginTree): Promise<string> {
    const isChain = tree.identity !== undefined && tree.identity.startsWith("sha256:");
    if (isChain) {
      const chainId = tree.identity as ChainId; // a chain's tree is called by its id
      return await this.#chains.openWritable(chainId);
    }
    const path = await this.#chains.openWritable(undefined);
    await this.#shared.parts.files.run(
      {
        kind: "apply",
        root: path,
        actions: [
          {
            kind: "copy",
            root: tree.path,
            source: "/",
            ignored: tree.ignored,
            excludes: [],
            isOwnedByRoot: tree.isOwnedByRoot,
            destination: "/",
            keepsParents: false,
            unpacks: false,
          },
        ],
      },
      this.#signal,
    );
    return path;
  }

  async #contextTree(): Promise<OriginTree> {
    const { request, options, definition, vertices } = this.#solving;
    this.#context ??= vertices.run("[internal] load build context", [], (vertex) =>
      request.locals.open(
        {
          name: options.contextKey,
          ignored: definition.ignored,
          onProgress: transferProgress(vertex, "context"),
        },
        this.#signal,
      ),
    );
    return originOfLocal(await this.#context);
  }

  /** @param title As progress shows it. */
  async #localTree(name: string, title: string): Promise<OriginTree> {
    let opened = this.#locals.get(name);
    if (!opened) {
      const { request, vertices } = this.#solving;
      opened = vertices.run(title, [], (vertex) =>
        request.locals.open(
          { name, ignored: [], onProgress: transferProgress(vertex, name) },
          this.#signal,
        ),
      );
      this.#locals.set(name, opened);
    }
    return originOfLocal(await opened);
  }
}

function originOfLocal({ path, ignored, identity }: LocalTree): OriginTree {
  return { path, ignored, isOwnedByRoot: true, ...(identity === undefined ? {} : { identity }) };
}
