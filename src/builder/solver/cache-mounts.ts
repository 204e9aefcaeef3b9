import { chmodSync, chownSync, existsSync, mkdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { KeyedMutex } from "#base/async.ts";
import type { RunMount } from "#builder/language/run-mounts.ts";
import type { BuilderParts } from "#builder/parts.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";
import type { OriginTree } from "./mounted-chains.ts";

type CacheMount = Extract<RunMount, { type: "cache" }>;

interface NamedCache {
  readonly mount: CacheMount;
  readonly id: string;
  readonly namespace: string;
}

interface OpenCache extends AsyncDisposable {
  readonly path: string;
}

/**
 * Folders that steps keep from build to build. `shared`: many at once; `locked`: one after the other; `private`: another
 * folder while one is in use.
 */
export class CacheMounts {
  readonly #parts: Pick<BuilderParts, "clock" | "directory" | "files" | "records">;
  readonly #locks = new KeyedMutex();
  readonly #filling = new KeyedMutex();
  /** How many steps use a folder now. */
  readonly #users = new Map<string, number>();

  constructor(parts: Pick<BuilderParts, "clock" | "directory" | "files" | "records">) {
    this.#parts = parts;
  }

  isInUse(name: string): boolean {
    return this.#users.has(name);
  }

  /**
   * Waits for the folders that a step has for itself: all before it opens any, and each once, in an order that is the same
   * for all steps. So two steps that name them in another order, or a step that names one twice, never wait for each other.
   *
   * @param mounts Of one step.
   */
  async lock(mounts: readonly NamedCache[], signal: AbortSignal): Promise<AsyncDisposable> {
    const locked = mounts.filter(({ mount }) => mount.sharing === "locked").map(baseName);
    await using stack = new AsyncDisposableStack();
    for (const base of [...new Set(locked)].toSorted()) {
      stack.use(await this.#locks.acquire(base, signal));
    }
    return stack.move();
  }

  /** Opens a folder; a locked one must have been waited for by `lock`. */
  async open(
    request: NamedCache & {
      /** What a new one begins with. */
      readonly tree: () => Promise<OriginTree>;
      /** Where the step may use nothing that is cached: the folders that its build has begun anew, to which this one is added. */
      readonly emptied: Set<string> | undefined;
    },
    signal: AbortSignal,
  ): Promise<OpenCache> {
    const { mount, emptied } = request;
    const base = baseName(request);
    await using stack = new AsyncDisposableStack();
    const name = mount.sharing === "private" ? this.#freeName(base) : base;
    const path = this.pathOf(name);
    // what another build works in stays as it is
    const isEmptied = emptied !== undefined && !emptied.has(name) && !this.isInUse(name);
    emptied?.add(name);
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    stack.defer(() => this.#leave(name));
    {
      // the first of several fills it, the others find it whole
      using _lock = await this.#filling.acquire(name, signal);
      if (isEmptied || !existsSync(path)) await this.#fill(path, request, signal);
    }
    this.#note(name, request.id);
    const open = stack.move();
    return { path, [Symbol.asyncDispose]: () => open.disposeAsync() };
  }

  pathOf(name: string): string {
    return join(this.#parts.directory, "cache-mounts", name);
  }

  /** Removes a folder that nobody uses. */
  async remove(name: string): Promise<void> {
    this.#parts.records.mounts.delete(name);
    await rm(this.pathOf(name), { recursive: true, force: true });
  }

  #note(name: string, id: string): void {
    const { records, clock } = this.#parts;
    const nowMs = clock.nowMs();
    const before = records.mounts.get(name);
    records.mounts.put(name, {
      id,
      createdMs: before?.createdMs ?? nowMs,
      lastUsedMs: nowMs,
      usageCount: (before?.usageCount ?? 0) + 1,
    });
  }

  #freeName(base: string): string {
    for (let number = 0; ; number++) {
      const name = number === 0 ? base : `${base}-${number}`;
      if (!this.#users.has(name)) return name;
    }
  }

  #leave(name: string): void {
    const left = (this.#users.get(name) ?? 1) - 1;
    if (left > 0) this.#users.set(name, left);
    else this.#users.delete(name);
  }

  async #fill(
    path: string,
    request: { readonly mount: CacheMount; readonly tree: () => Promise<OriginTree> },
    signal: AbortSignal,
  ): Promise<void> {
    const { mount } = request;
    // under another name until it is whole
    const fresh = `${path}.new`;
    await rm(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true, mode: 0o700 });
    if (mount.from !== undefined) {
      const tree = await request.tree();
      const root = pathInRoot(tree.path, mount.source || "/", { followsLast: true });
      await this.#parts.files.run(
        {
          kind: "apply",
          root: fresh,
          actions: [
            {
              kind: "copy",
              root,
              source: "/",
              ignored: [],
              excludes: [],
              isOwnedByRoot: false,
              destination: "/",
              keepsParents: false,
              unpacks: false,
            },
          ],
        },
        signal,
      );
    }
    chownSync(fresh, mount.uid, mount.gid);
    chmodSync(fresh, mount.mode);
    await rm(path, { recursive: true, force: true });
    renameSync(fresh, path);
  }
}

/** The folder's name, for all but those of `private` mounts beside the first. */
function baseName({ namespace, id }: Pick<NamedCache, "namespace" | "id">): string {
  return digestHex(digestOf(`${namespace}/${id}`));
}
