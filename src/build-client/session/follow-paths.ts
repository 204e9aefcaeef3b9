import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join, posix } from "node:path";
import { PathPattern } from "#spec/ignore/path-pattern.ts";

const MOST_LINKS = 255;
const WILDCARD = /[*?[\\]/;

/**
 * Paths of a folder with all that stands behind them: each symbolic link on the way, and where it leads inside the folder.
 *
 * @param paths As `COPY` has them: with wildcards in names.
 * @returns Patterns for an include list; undefined where the whole folder is meant.
 */
export function followPaths(root: string, paths: readonly string[]): readonly string[] | undefined {
  const follower = new Follower(root);
  for (const path of paths) follower.follow(path);
  return follower.isWhole ? undefined : [...follower.found].toSorted();
}

class Follower {
  readonly found = new Set<string>();
  isWhole = false;
  readonly #root: string;
  #links = 0;

  constructor(root: string) {
    this.#root = root;
  }

  follow(path: string): void {
    const clean = posix.join("/", path).slice(1);
    if (clean === "") this.isWhole = true;
    else this.#step("", clean.split("/"));
  }

  /** @param at What is resolved already. */
  #step(at: string, rest: readonly string[]): void {
    const [name, ...after] = rest;
    if (name === undefined) {
      if (at === "") this.isWhole = true;
      else this.found.add(at);
      return;
    }
    if (WILDCARD.test(name)) {
      const names = this.#names(at).filter((one) => matches(name, one));
      for (const one of names) this.#enter(at, one, after);
      return;
    }
    this.#enter(at, name, after);
  }

  #enter(at: string, name: string, after: readonly string[]): void {
    const path = at === "" ? name : `${at}/${name}`;
    const stats = lstatSync(join(this.#root, path), { throwIfNoEntry: false });
    if (!stats?.isSymbolicLink() || this.#links >= MOST_LINKS) return this.#step(path, after);
    this.#links++;
    this.found.add(path);
    const target = readlinkSync(join(this.#root, path));
    const whole = posix.join("/", target.startsWith("/") ? "" : at, target).slice(1);
    this.#step("", [...(whole === "" ? [] : whole.split("/")), ...after]);
  }

  #names(folder: string): readonly string[] {
    const path = join(this.#root, folder);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isDirectory() ? readdirSync(path) : [];
  }
}

function matches(pattern: string, name: string): boolean {
  return new PathPattern(pattern).matches(name);
}
