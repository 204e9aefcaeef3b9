import { lstatSync, readdirSync, type Stats } from "node:fs";
import { join } from "node:path";
import { cleanPath } from "#base/posix-path.ts";
import { PathFilter, type FolderMatch } from "#spec/ignore/path-filter.ts";
import { cleanPattern, PathPattern } from "#spec/ignore/path-pattern.ts";
import type { FileSelection } from "#builder/files/protocol.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";

/** One source of a copy: a file, or a folder whose content is meant. */
export interface SelectedSource {
  /** Path on the host, links resolved. */
  readonly path: string;
  /** As it was named: relative to the tree's root, without a slash in front. */
  readonly name: string;
  /** Where it lies in the tree, links resolved: what the patterns are held against. */
  readonly place: string;
  readonly stats: Stats;
}

const WILDCARD = /[*?[\\]/;

/**
 * What a source of COPY or ADD means in its tree: one path, or all that match the pattern, in order.
 *
 * @returns Empty where a pattern matches nothing, undefined where a path is not there.
 */
export function selectSources(selection: FileSelection): readonly SelectedSource[] | undefined {
  const { root, source } = selection;
  const filter = new PathFilter(selection.ignored);
  const name = cleanPath(`/${source.replace(/\/\.\//g, "/")}`).slice(1);
  if (!WILDCARD.test(name)) {
    const found = sourceAt(root, name, filter);
    return found ? [found] : undefined;
  }
  const matched: SelectedSource[] = [];
  for (const path of matchingPaths(root, name)) {
    const found = sourceAt(root, path, filter);
    if (found) matched.push(found);
  }
  return matched;
}

function sourceAt(root: string, name: string, filter: PathFilter): SelectedSource | undefined {
  const path = pathInRoot(root, name, { followsLast: true });
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (!stats) return undefined;
  const place = path.slice(root.length).replace(/^\//, "");
  const isIgnored = (at: string): boolean =>
    at !== "" && filter.isMatched(at) && !(stats.isDirectory() && filter.mayExceptBelow(at));
  return isIgnored(name) || isIgnored(place) ? undefined : { path, name, place, stats };
}

/** Part by part, as Go's `filepath.Glob`: a wildcard never crosses a slash. */
function matchingPaths(root: string, pattern: string): readonly string[] {
  let found: readonly string[] = [""];
  for (const part of cleanPattern(pattern).split("/")) {
    if (!WILDCARD.test(part)) {
      const literal = part;
      found = found
        .map((folder) => (folder === "" ? literal : `${folder}/${literal}`))
        .filter((path) =>
          lstatSync(pathInRoot(root, path, { followsLast: false }), { throwIfNoEntry: false }),
        );
      continue;
    }
    const isWanted = new PathPattern(part);
    found = found.flatMap((folder) =>
      namesIn(pathInRoot(root, folder, { followsLast: true }))
        .filter((name) => isWanted.matches(name))
        .map((name) => (folder === "" ? name : `${folder}/${name}`)),
    );
  }
  return found;
}

/** Names in a folder in the order of their bytes; none of what is no folder. */
export function namesIn(path: string): readonly string[] {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) return [];
  return readdirSync(path).toSorted((left, right) =>
    Buffer.compare(Buffer.from(left), Buffer.from(right)),
  );
}

/** One thing below a source. */
export interface WalkedFile {
  readonly path: string;
  /** Relative to the source; empty for the source itself. */
  readonly name: string;
  readonly stats: Stats;
}

/** All that is meant by a source, each folder before what is in it; what is left out is passed over. */
export function* walkSource(
  source: SelectedSource,
  selection: FileSelection,
): Generator<WalkedFile> {
  yield { path: source.path, name: "", stats: source.stats };
  if (!source.stats.isDirectory()) return;
  // what is ignored is named from the root of the tree, what is excluded from the source
  const filters = [
    { filter: new PathFilter(selection.ignored), place: source.place },
    { filter: new PathFilter(selection.excludes), place: "" },
  ].filter(({ filter }) => !filter.isEmpty);
  const begun = filters.map((one) => ({ ...one, found: matchOf(one.filter, one.place) }));
  yield* walkFolder({ path: source.path, prefix: "" }, begun);
}

/** A filter at a folder of the walk. */
interface FilterAt {
  readonly filter: PathFilter;
  /** The folder as the filter's patterns name it. */
  readonly place: string;
  readonly found: FolderMatch;
}

function matchOf(filter: PathFilter, place: string): FolderMatch {
  let found = filter.root;
  const parts = place === "" ? [] : place.split("/");
  for (const index of parts.keys()) {
    found = filter.match(parts.slice(0, index + 1).join("/"), found);
  }
  return found;
}

function* walkFolder(
  folder: { readonly path: string; readonly prefix: string },
  filters: readonly FilterAt[],
): Generator<WalkedFile> {
  for (const name of namesIn(folder.path)) {
    const path = join(folder.path, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (!stats) continue;
    const inside = filters.map(({ filter, place, found }): FilterAt => {
      const below = place === "" ? name : `${place}/${name}`;
      return { filter, place: below, found: filter.match(below, found) };
    });
    const isOut = inside.some(({ found }) => found.isMatched);
    if (isOut) {
      const mayHold =
        stats.isDirectory() &&
        inside.every(
          ({ filter, place, found }) => !found.isMatched || filter.mayExceptBelow(place),
        );
      if (!mayHold) continue;
    }
    const own = { path, name: folder.prefix + name, stats };
    if (!stats.isDirectory()) {
      yield own;
      continue;
    }
    const below = walkFolder({ path, prefix: `${own.name}/` }, inside);
    if (!isOut) {
      yield own;
      yield* below;
      continue;
    }
    // a folder that is left out itself comes with the first thing in it that is not
    const first = below.next();
    if (first.done) continue;
    yield own;
    yield first.value;
    yield* below;
  }
}
