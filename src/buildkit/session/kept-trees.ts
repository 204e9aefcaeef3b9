import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { RandomBytes } from "#spec/ids.ts";
import { digestHex, digestOf } from "#spec/digest.ts";
import type { KnownFile, TreeIndex } from "./tree-update.ts";

/** A folder of the engine's that mirrors one of a client's, held by one build at a time. */
export interface KeptTree {
  /** Absolute path of the files. */
  readonly path: string;
  readonly index: TreeIndex;
  /** The files are being changed: until `keep`, nothing is known of them. */
  begin(): void;
  /** @returns What stands for the files: the same for the same names, kinds, sizes and times. */
  keep(index: TreeIndex): string;
  /** Lets the next build have it. */
  release(): void;
}

/**
 * Folders that clients sent, kept so that the next build is sent what has changed. One that is in use has a second beside it.
 * What a killed engine was changing has no index, and goes.
 */
export class KeptTrees {
  readonly #directory: string;
  readonly #randomBytes: RandomBytes;
  readonly #inUse = new Set<string>();

  /** @param directory `<data root>/builder/locals`. */
  constructor(directory: string, randomBytes: RandomBytes) {
    this.#directory = directory;
    this.#randomBytes = randomBytes;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const folder = join(directory, name);
      if (!existsSync(join(folder, "index.json"))) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** @param key What the client calls it; undefined for one that no other build can use. */
  take(key: string | undefined): KeptTree {
    const name = key === undefined ? undefined : digestHex(digestOf(key)).slice(0, 32);
    if (name === undefined || this.#inUse.has(name)) return this.#open(this.#newName(), false);
    return this.#open(name, true);
  }

  #newName(): string {
    return `once-${Buffer.from(this.#randomBytes(8)).toString("hex")}`;
  }

  #open(name: string, isKept: boolean): KeptTree {
    this.#inUse.add(name);
    const folder = join(this.#directory, name);
    const path = join(folder, "files");
    const indexPath = join(folder, "index.json");
    const index = readIndex(indexPath);
    if (!index) rmSync(folder, { recursive: true, force: true });
    mkdirSync(path, { recursive: true, mode: 0o755 });
    return {
      path,
      index: index ?? new Map(),
      begin: () => rmSync(indexPath, { force: true }),
      keep: (next) => {
        const text = JSON.stringify([...next]);
        if (isKept && !existsSync(indexPath)) {
          writeFileSync(`${indexPath}.new`, text);
          renameSync(`${indexPath}.new`, indexPath);
        }
        return `local:${digestOf(Buffer.from(text))}`;
      },
      release: () => {
        this.#inUse.delete(name);
        // without an index its files are of no use to anybody
        if (!existsSync(indexPath)) rmSync(folder, { recursive: true, force: true });
      },
    };
  }
}

function readIndex(path: string): TreeIndex | undefined {
  if (!existsSync(path)) return undefined;
  // written by `keep` and moved into place whole
  return new Map(JSON.parse(readFileSync(path, "utf8")) as [string, KnownFile][]);
}
