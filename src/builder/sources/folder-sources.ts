import { existsSync } from "node:fs";
import { NotFoundError } from "#base/errors.ts";
import type { LocalSources, LocalTree, LocalTreeRequest } from "./local-source.ts";

/** Folders that are on this host: those of a client beside the engine, or what a tar was unpacked to. */
export class FolderSources implements LocalSources {
  readonly #folders: ReadonlyMap<string, string>;
  readonly #stillIgnored: (ignored: readonly string[]) => readonly string[];

  /**
   * @param folders Names to absolute paths.
   * @param stillIgnored Which patterns the client has not held against its folder; all when absent.
   */
  constructor(
    folders: ReadonlyMap<string, string>,
    stillIgnored: (ignored: readonly string[]) => readonly string[] = (ignored) => ignored,
  ) {
    this.#folders = folders;
    this.#stillIgnored = stillIgnored;
  }

  async open(request: LocalTreeRequest): Promise<LocalTree> {
    const path = this.#folders.get(request.name);
    if (path === undefined || !existsSync(path)) {
      const known = [...this.#folders.keys()].join(", ");
      throw new NotFoundError(
        `Cannot open the build's folder ${JSON.stringify(request.name)}: the client sends ${known || "none"}`,
      );
    }
    return {
      path,
      ignored: this.#stillIgnored(request.ignored),
      [Symbol.asyncDispose]: async () => {},
    };
  }
}
