import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { KeptSource, KeptSources } from "#builder/cache/kept-sources.ts";
import type { Clock } from "#host/clock.ts";
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
  release(): Promise<void>;
}

/** What is known of a kept folder beside its files. */
interface About {
  /** Which folder of a client's it is. */
  readonly description: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly lastUsedMs: number;
  readonly usageCount: number;
}

const HOUR_MS = 3_600_000;
/** BuildKit's limits: over this, folders that no build has used for two days go. */
const OLD_MS = 48 * HOUR_MS;
const OLD_MAX_BYTES = 512_000_000;
/** Over this the least recently used go, however young. */
const ALL_MAX_BYTES = 20_000_000_000;

export interface KeptTreesOptions {
  /** `<data root>/builder/locals`. */
  readonly directory: string;
  readonly randomBytes: RandomBytes;
  readonly clock: Pick<Clock, "nowMs">;
  readonly allMaxBytes?: number;
}

/**
 * Folders that clients sent, kept so that the next build is sent what has changed. One that is in use has a second beside it.
 * What a killed engine was changing has no index, and goes; so do the oldest, when all take too much.
 */
export class KeptTrees implements KeptSources {
  readonly #options: KeptTreesOptions;
  readonly #inUse = new Set<string>();

  constructor(options: KeptTreesOptions) {
    this.#options = options;
    const { directory } = options;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const folder = join(directory, name);
      if (!existsSync(join(folder, "index.json"))) rmSync(folder, { recursive: true, force: true });
    }
  }

  /**
   * @param key What the client calls it; undefined for one that no other build can use.
   * @param description For who looks at what is kept.
   */
  take(key: string | undefined, description: string): KeptTree {
    const name = key === undefined ? undefined : digestHex(digestOf(key)).slice(0, 32);
    if (name === undefined || this.#inUse.has(name)) {
      return this.#open(this.#newName("once"), description, false);
    }
    return this.#open(name, description, true);
  }

  list(): readonly KeptSource[] {
    const { directory } = this.#options;
    return readdirSync(directory).flatMap((name) => {
      const about = readAbout(join(directory, name));
      return about ? [{ id: name, isInUse: this.#inUse.has(name), ...about }] : [];
    });
  }

  async remove(id: string): Promise<boolean> {
    const { directory } = this.#options;
    const folder = join(directory, id);
    if (!/^[0-9a-f]{32}$/.test(id) || this.#inUse.has(id) || !existsSync(folder)) return false;
    await this.#throwAway(folder);
    return true;
  }

  /** Moved aside first: one that is half removed is nobody's, and goes when the engine starts. */
  async #throwAway(folder: string): Promise<void> {
    const aside = join(this.#options.directory, this.#newName("gone"));
    renameSync(folder, aside);
    rmSync(join(aside, "index.json"), { force: true });
    await rm(aside, { recursive: true, force: true });
  }

  /** Removes what is too much, the least recently used first. */
  async collect(): Promise<void> {
    const { clock, allMaxBytes = ALL_MAX_BYTES } = this.#options;
    const nowMs = clock.nowMs();
    const kept = this.list().toSorted((left, right) => left.lastUsedMs - right.lastUsedMs);
    let bytes = kept.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const { id, isInUse, sizeBytes, lastUsedMs } of kept) {
      const isOld = nowMs - lastUsedMs > OLD_MS;
      if (isInUse || bytes <= (isOld ? OLD_MAX_BYTES : allMaxBytes)) continue;
      if (await this.remove(id)) bytes -= sizeBytes;
    }
  }

  #newName(kind: "once" | "gone"): string {
    return `${kind}-${Buffer.from(this.#options.randomBytes(8)).toString("hex")}`;
  }

  #open(name: string, description: string, isKept: boolean): KeptTree {
    this.#inUse.add(name);
    const { clock } = this.#options;
    const folder = join(this.#options.directory, name);
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
        if (isKept) {
          if (!existsSync(indexPath)) replaceFile(indexPath, text);
          const before = readAbout(folder);
          const about: About = {
            description,
            sizeBytes: [...next.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
            createdMs: before?.createdMs ?? clock.nowMs(),
            lastUsedMs: clock.nowMs(),
            usageCount: (before?.usageCount ?? 0) + 1,
          };
          replaceFile(join(folder, ABOUT), JSON.stringify(about));
        }
        return `local:${digestOf(Buffer.from(text))}`;
      },
      release: async () => {
        this.#inUse.delete(name);
        // without an index its files are of no use to anybody
        if (!existsSync(indexPath)) await this.#throwAway(folder);
        else await this.collect();
      },
    };
  }
}

const ABOUT = "about.json";

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Undefined for what is no kept folder, or is not whole yet. */
function readAbout(folder: string): About | undefined {
  const path = join(folder, ABOUT);
  if (!existsSync(path) || !existsSync(join(folder, "index.json"))) return undefined;
  // written by `keep` and moved into place whole
  return JSON.parse(readFileSync(path, "utf8")) as About;
}

function readIndex(path: string): TreeIndex | undefined {
  if (!existsSync(path)) return undefined;
  // written by `keep` and moved into place whole
  return new Map(JSON.parse(readFileSync(path, "utf8")) as [string, KnownFile][]);
}
