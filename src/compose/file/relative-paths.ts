import { homedir } from "node:os";
import { isAbsolute, join, normalize } from "node:path";
import {
  isList,
  isMapping,
  matchesPath,
  type Mapping,
  type Tree,
  type TreePath,
  withKey,
} from "./tree.ts";
import type { Positions } from "./positions.ts";

const PLAIN: readonly (readonly string[])[] = [
  "services.*.build.secrets.*.file",
  "services.*.env_file.*.path",
  "services.*.label_file.*",
  "services.*.extends.file",
  "services.*.develop.watch.*.path",
  "services.*.credential_spec.file",
  "configs.*.file",
  "secrets.*.file",
  "include.*.path.*",
  "include.*.project_directory",
  "include.*.env_file.*",
].map((pattern) => pattern.split("."));
const CONTEXTS: readonly (readonly string[])[] = [
  ["services", "*", "build", "context"],
  ["services", "*", "build", "additional_contexts", "*"],
];
const SCHEME = /^(?:[a-z][a-z0-9+.-]*:\/\/|git@|github\.com\/|service:|docker-image:|target:)/i;

/** A path from `folder`; `~` is the user's home. */
export function absoluteFrom(folder: string, path: string): string {
  if (path === "~" || path.startsWith("~/")) return join(homedir(), path.slice(1));
  return isAbsolute(path) ? path : normalize(join(folder, path)).replace(/(?<=.)\/$/, "");
}

/** Paths that the file gives from its own place, from the root. What names another host stays. */
export function withAbsolutePaths(tree: Tree, folder: string, positions: Positions): Tree {
  const walk = (inner: Tree, path: TreePath): Tree => {
    if (typeof inner === "string") {
      if (PLAIN.some((parts) => matchesPath(path, parts))) return absoluteFrom(folder, inner);
      if (CONTEXTS.some((parts) => matchesPath(path, parts)) && !SCHEME.test(inner)) {
        return absoluteFrom(folder, inner);
      }
      return inner;
    }
    if (isMapping(inner)) {
      const mapping = withAbsoluteSource(inner, path, folder);
      const made = new Map([...mapping].map(([key, value]) => [key, walk(value, [...path, key])]));
      positions.inherit(made, inner);
      return made;
    }
    if (!isList(inner)) return inner;
    const made = inner.map((value, index) => walk(value, [...path, index]));
    positions.inherit(made, inner);
    return made;
  };
  return walk(tree, []);
}

/** Of a bind mount, and of a volume that the local driver binds. */
function withAbsoluteSource(mapping: Mapping, path: TreePath, folder: string): Mapping {
  if (matchesPath(path, ["services", "*", "volumes", "*"]) && mapping.get("type") === "bind") {
    const source = mapping.get("source");
    return typeof source === "string"
      ? withKey(mapping, "source", absoluteFrom(folder, source))
      : mapping;
  }
  if (!matchesPath(path, ["volumes", "*"]) || mapping.get("driver") !== "local") {
    return mapping;
  }
  const options = mapping.get("driver_opts");
  if (!isMapping(options) || options.get("o") !== "bind") return mapping;
  const device = options.get("device");
  if (typeof device !== "string") return mapping;
  return withKey(mapping, "driver_opts", withKey(options, "device", absoluteFrom(folder, device)));
}
