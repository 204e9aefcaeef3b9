import { type Dirent, lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { FoundPackage, Inventory } from "#builder/attestations/packages/found-package.ts";
import {
  readApkInstalled,
  readDpkgStatus,
  readNodePackage,
  readOsRelease,
  readPythonMetadata,
} from "#builder/attestations/packages/read-lists.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";

/** Larger lists are told as skipped. */
const LIST_MAX_BYTES = 64 * 1024 * 1024;
const METADATA_MAX_BYTES = 1024 * 1024;
/** Of a tree that wants to keep us busy. */
const FOLDERS_MAX = 200_000;
const DEPTH_MAX = 64;
const NOT_ENTERED: ReadonlySet<string> = new Set(["proc", "sys", "dev"]);
/** Package databases that there is no reader for. */
const UNREAD: readonly string[] = [
  "var/lib/rpm/rpmdb.sqlite",
  "var/lib/rpm/Packages",
  "var/lib/rpm/Packages.db",
  "usr/lib/sysimage/rpm/rpmdb.sqlite",
  "var/lib/pacman/local",
];

/** Which packages are in a tree of files; links are followed as they lead inside it. */
export function takeInventory(root: string): Inventory {
  const found: FoundPackage[] = [];
  const skipped: string[] = [];
  const list = (
    path: string,
    read: (text: string, path: string) => readonly FoundPackage[],
  ): void => {
    const text = readIn(root, path, LIST_MAX_BYTES, skipped);
    if (text !== undefined) found.push(...read(text, `/${path}`));
  };
  list("var/lib/dpkg/status", readDpkgStatus);
  for (const name of namesIn(root, "var/lib/dpkg/status.d")) {
    if (!name.endsWith(".md5sums")) list(`var/lib/dpkg/status.d/${name}`, readDpkgStatus);
  }
  list("lib/apk/db/installed", readApkInstalled);
  for (const path of UNREAD) {
    if (statIn(root, path)) skipped.push(`/${path}`);
  }
  for (const path of metadataFiles(root)) {
    const text = readIn(root, path, METADATA_MAX_BYTES, skipped);
    if (text === undefined) continue;
    const read = path.endsWith("package.json") ? readNodePackage : readPythonMetadata;
    const one = read(text, `/${path}`);
    if (one) found.push(one);
  }
  const release = ["etc/os-release", "usr/lib/os-release"]
    .map((path) => readIn(root, path, METADATA_MAX_BYTES, []))
    .find((text) => text !== undefined);
  const system = release === undefined ? undefined : readOsRelease(release);
  const key = ({ kind, name, version, foundIn }: FoundPackage): string =>
    [kind, name, version, foundIn].join("\0");
  const packages = found.toSorted((left, right) => (key(left) < key(right) ? -1 : 1));
  return { ...(system ? { system } : {}), packages, skipped };
}

/** Files below the tree that describe a package of Node.js or Python, by path. */
function metadataFiles(root: string): readonly string[] {
  const files: string[] = [];
  const pending: { readonly path: string; readonly depth: number }[] = [{ path: "", depth: 0 }];
  let left = FOLDERS_MAX;
  for (let next = pending.pop(); next && left > 0; next = pending.pop()) {
    left--;
    const { path, depth } = next;
    for (const entry of entriesIn(join(root, path))) {
      const place = path === "" ? entry.name : `${path}/${entry.name}`;
      const isEntered = depth < DEPTH_MAX && !(path === "" && NOT_ENTERED.has(entry.name));
      if (entry.isDirectory() && isEntered) pending.push({ path: place, depth: depth + 1 });
      else if (entry.isFile() && isMetadata(place)) files.push(place);
    }
  }
  return files.toSorted();
}

function isMetadata(path: string): boolean {
  return (
    /(?:^|\/)node_modules\/(?:@[^/]+\/)?[^/]+\/package\.json$/.test(path) ||
    path.endsWith(".dist-info/METADATA") ||
    path.endsWith(".egg-info/PKG-INFO")
  );
}

/** None where it cannot be read: a file system of the tree may be of any kind. */
function entriesIn(path: string): readonly Dirent[] {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch {
    return [];
  }
}

function namesIn(root: string, path: string): readonly string[] {
  if (!statIn(root, path)) return [];
  return entriesIn(pathInRoot(root, path, { followsLast: true }))
    .map(({ name }) => name)
    .toSorted();
}

function statIn(root: string, path: string): ReturnType<typeof lstatSync> {
  return lstatSync(pathInRoot(root, path, { followsLast: true }), { throwIfNoEntry: false });
}

function readIn(
  root: string,
  path: string,
  maxBytes: number,
  skipped: string[],
): string | undefined {
  const place = pathInRoot(root, path, { followsLast: true });
  const found = lstatSync(place, { throwIfNoEntry: false });
  // a pipe or a device would hold us up
  if (!found?.isFile()) return undefined;
  if (found.size > maxBytes) {
    skipped.push(`/${path}`);
    return undefined;
  }
  return readFileSync(place, "utf8");
}
