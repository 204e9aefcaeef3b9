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
  /** How many steps use a folder now. */
  readonly #users = new Map<string, number>();

  constructor(parts: Pick<BuilderParts, "clock" | "directory" | "files" | "records">) {
    this.#parts = parts;
  }

  isInUse(name: string): boolean {
    return this.#users.has(name);
  }

  async open(
    request: {
      readonly mount: CacheMount;
      readonly id: string;
      readonly namespace: string;
      /** What a new one begins with. */
      readonly tree: () => Promise<OriginTree>;
    },
    signal: AbortSignal,
  ): Promise<OpenCache> {
    const { mount } = request;
    const base = digestHex(digestOf(`${request.namespace}/${request.id}`));
    await using stack = new AsyncDisposableStack();
    if (mount.sharing === "locked") stack.use(await this.#locks.acquire(base, signal));
    const name = mount.sharing === "private" ? this.#freeName(base) : base;
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1);
    stack.defer(() => this.#leave(name));
    const path = this.pathOf(name);
    if (!existsSync(path)) await this.#fill(path, request, signal);
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
    renameSync(fresh, path);
  }
}
