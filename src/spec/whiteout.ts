/** Deletions in a layer's tar: image-spec layer.md, "Whiteouts". */
export type Whiteout =
  /** The file or folder of that path is gone. */
  | { readonly kind: "remove"; readonly path: string }
  /** The folder of that path hides what lower layers have in it. */
  | { readonly kind: "opaque"; readonly path: string };

const PREFIX = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** AUFS's own files, which no other storage knows. */
const META_PREFIX = ".wh..wh.";

/**
 * @param path Clean and relative (`cleanMemberPath`).
 * @returns `undefined` for a member that is a file of the image; `"ignore"` for AUFS's own files and
 *   names that would delete nothing or lead out.
 */
export function parseWhiteout(path: string): Whiteout | "ignore" | undefined {
  const slash = path.lastIndexOf("/");
  const name = path.slice(slash + 1);
  const folder = slash < 0 ? "" : path.slice(0, slash);
  if (!name.startsWith(PREFIX)) {
    const isInsideMeta = path.split("/").some((part) => part.startsWith(META_PREFIX));
    return isInsideMeta ? "ignore" : undefined;
  }
  if (name === OPAQUE) return { kind: "opaque", path: folder };
  const hidden = name.slice(PREFIX.length);
  if (name.startsWith(META_PREFIX) || hidden === "" || hidden === "." || hidden === "..")
    return "ignore";
  return { kind: "remove", path: folder === "" ? hidden : `${folder}/${hidden}` };
}

/** The member that deletes `path` from the layers below. */
export function whiteoutPath(path: string): string {
  const slash = path.lastIndexOf("/");
  return `${path.slice(0, slash + 1)}${PREFIX}${path.slice(slash + 1)}`;
}

/** The member that makes the folder `path` opaque. */
export function opaqueMarkerPath(path: string): string {
  return path === "" ? OPAQUE : `${path}/${OPAQUE}`;
}
