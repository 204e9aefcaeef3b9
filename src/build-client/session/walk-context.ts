import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { type FileKind, writeGoMode } from "#spec/buildkit/go-file-mode.ts";
import type { FileStat } from "#spec/buildkit/session.ts";
import { type FolderMatch, PathFilter } from "#spec/ignore/path-filter.ts";

/** What of a folder is wanted. Patterns are those of `.dockerignore`. */
export interface ContextWish {
  /** All when empty. */
  readonly includes: readonly string[];
  readonly excludes: readonly string[];
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
const PERMISSION_BITS = 0o7777;

function kindOf(stats: BigIntStats): FileKind {
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFIFO()) return "pipe";
  if (stats.isSocket()) return "socket";
  return stats.isFile() ? "file" : "device";
}

/** Whether a file is meant, and whether something below it may be. */
interface Verdict {
  readonly isWanted: boolean;
  readonly descends: boolean;
  readonly included: FolderMatch;
  readonly excluded: FolderMatch;
}

/**
 * The files of a folder that are wanted, in the order that `fsutil` has: each folder before what is in it, names by their
 * bytes. A folder that is left out itself comes before the first file in it that is not. Owners are not told: what the
 * client owns means nothing to the engine.
 */
export class ContextWalk {
  readonly #root: string;
  readonly #includes: PathFilter;
  readonly #excludes: PathFilter;
  /** First names of files with several, by device and inode. */
  readonly #seen = new Map<string, string>();

  /** @throws {InvalidArgumentError} A pattern that is none. */
  constructor(root: string, { includes, excludes }: ContextWish) {
    this.#root = root;
    this.#includes = new PathFilter(includes);
    this.#excludes = new PathFilter(excludes);
  }

  *files(): Generator<FileStat> {
    const from = { included: this.#includes.root, excluded: this.#excludes.root };
    yield* this.#walk("", from, []);
  }

  /** @param waiting Folders above that are not told of yet. */
  *#walk(
    folder: string,
    above: Pick<Verdict, "included" | "excluded">,
    waiting: FileStat[],
  ): Generator<FileStat> {
    const names = readdirSync(join(this.#root, folder), { encoding: "buffer" });
    for (const raw of names.toSorted((left, right) => Buffer.compare(left, right))) {
      const name = raw.toString("utf8");
      const path = folder === "" ? name : `${folder}/${name}`;
      const verdict = this.#judge(path, above);
      if (!verdict.isWanted && !verdict.descends) continue;
      const stats = lstatSync(join(this.#root, path), { bigint: true, throwIfNoEntry: false });
      if (!stats) continue; // gone since the folder was read
      if (!verdict.isWanted && !stats.isDirectory()) continue;
      const stat = this.#statOf(path, stats);
      if (verdict.isWanted) {
        yield* waiting.splice(0);
        yield stat;
      }
      if (!stats.isDirectory() || !verdict.descends) continue;
      if (!verdict.isWanted) waiting.push(stat);
      yield* this.#walk(path, verdict, waiting);
      if (waiting.at(-1) === stat) waiting.pop(); // nothing below it was wanted
    }
  }

  #judge(path: string, above: Pick<Verdict, "included" | "excluded">): Verdict {
    const included = this.#includes.match(path, above.included);
    const excluded = this.#excludes.match(path, above.excluded);
    const isIncluded = this.#includes.isEmpty || included.isMatched;
    const mayInclude = isIncluded || this.#includes.mayMatchBelow(path);
    const mayStay = !excluded.isMatched || this.#excludes.mayExceptBelow(path);
    return {
      isWanted: isIncluded && !excluded.isMatched,
      descends: mayInclude && mayStay,
      included,
      excluded,
    };
  }

  #statOf(path: string, stats: BigIntStats): FileStat {
    const kind = kindOf(stats);
    return {
      path,
      mode: writeGoMode(kind, Number(stats.mode) & PERMISSION_BITS),
      uid: 0,
      gid: 0,
      sizeBytes: kind === "file" ? Number(stats.size) : 0,
      modifiedNanos: stats.mtimeNs,
      linkName: this.#linkOf(path, kind, stats),
      deviceMajor: 0,
      deviceMinor: 0,
      xattrs: NO_XATTRS,
    };
  }

  #linkOf(path: string, kind: FileKind, stats: BigIntStats): string {
    if (kind === "symlink") return readlinkSync(join(this.#root, path));
    if (kind !== "file" || stats.nlink < 2n) return "";
    const inode = `${stats.dev}:${stats.ino}`;
    const first = this.#seen.get(inode);
    if (first === undefined) this.#seen.set(inode, path);
    return first ?? "";
  }
}
