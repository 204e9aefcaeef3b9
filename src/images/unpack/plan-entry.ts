import { InvalidArgumentError } from "#base/errors.ts";
import type { PushedEntry } from "#base/tar/entry-header.ts";

/** What one entry of a layer asks for. Paths are absolute in the layer's root: `/usr/bin/env`, `/`. */
export type EntryPlan =
  | { readonly kind: "skip" }
  | { readonly kind: "create"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  /** The file of the layers below goes away. */
  | { readonly kind: "whiteout"; readonly path: string }
  /** What the layers below have in this folder goes away. */
  | { readonly kind: "opaque"; readonly path: string };

const WHITEOUT = ".wh.";
/** Of aufs, for its own purposes, all but the opaque marker. */
const AUFS_PREFIX = ".wh..wh.";
const OPAQUE = ".wh..wh..opq";

/** Whether no part is empty, `.` or `..`: nearly all names, which need no splitting. */
const CLEAN = /^(?!\.{1,2}(?:\/|$))[^/]+(?:\/(?!\.{1,2}(?:\/|$))[^/]+)*$/;

/** @throws {InvalidArgumentError} When the path leads out of the layer. */
function insidePath(raw: string, what: string): string {
  let name = raw;
  if (name.startsWith("./")) name = name.slice(2);
  if (name.endsWith("/")) name = name.slice(0, -1);
  if (CLEAN.test(name)) return `/${name}`;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) {
      throw new InvalidArgumentError(
        `Cannot unpack ${what} ${JSON.stringify(raw.slice(0, 200))}: it leads out of the layer`,
      );
    }
  }
  return `/${parts.join("/")}`;
}

/**
 * Decides what to do with an entry.
 *
 * @throws {InvalidArgumentError} A path out of the layer, or a whiteout of nothing, `.` or `..`.
 */
export function planEntry(entry: PushedEntry): EntryPlan {
  const path = insidePath(entry.name, "entry");
  const slash = path.lastIndexOf("/");
  if (path.startsWith(WHITEOUT, slash + 1)) return planWhiteout(path, slash);
  if (entry.type === "hard-link") {
    return { kind: "link", path, target: insidePath(entry.linkName, "hard link to") };
  }
  if (path === "/") {
    if (entry.type !== "directory") {
      throw new InvalidArgumentError(`Cannot unpack a ${entry.type} as the layer's root`);
    }
    // Docker's storage drivers leave the root as it is, 0755 of root's: many an archive of a root file
    // system was made of a private temporary folder, which no other user could enter.
    return { kind: "skip" };
  }
  return { kind: "create", path };
}

function planWhiteout(path: string, slash: number): EntryPlan {
  const base = path.slice(slash + 1);
  const parent = path.slice(0, slash);
  if (base === OPAQUE) return { kind: "opaque", path: parent === "" ? "/" : parent };
  if (base.startsWith(AUFS_PREFIX)) return { kind: "skip" };
  const hidden = base.slice(WHITEOUT.length);
  if (hidden === "" || hidden === "." || hidden === "..") {
    throw new InvalidArgumentError(
      `Cannot unpack whiteout ${JSON.stringify(path.slice(0, 200))}: it names no file`,
    );
  }
  return { kind: "whiteout", path: `${parent}/${hidden}` };
}
