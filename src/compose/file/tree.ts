/** A Compose file's content before it means anything: mappings keep the order of the file. */
export type Tree = Scalar | readonly Tree[] | Mapping;
export type Scalar = string | number | boolean | null;
export type Mapping = ReadonlyMap<string, Tree>;

/** Names of the keys from the top; of a list's element, its index. */
export type TreePath = readonly (string | number)[];

export interface Position {
  /** As the user named it. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

export function isMapping(tree: Tree | undefined): tree is Mapping {
  return tree instanceof Map;
}

export function isList(tree: Tree | undefined): tree is readonly Tree[] {
  return Array.isArray(tree);
}

/** `services.web.ports[0]`, as docker compose writes paths. */
export function formatPath(path: TreePath): string {
  return path
    .map((part, index) => {
      if (typeof part === "number") return `[${part}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join("");
}

/** @param pattern Dotted keys, `*` for any one: `services.*.ports.*`. */
export function matchesPath(path: TreePath, pattern: readonly string[]): boolean {
  return (
    path.length === pattern.length &&
    pattern.every((part, index) => part === "*" || part === String(path[index]))
  );
}

/** The value at a path, undefined where there is none. */
export function treeAt(tree: Tree | undefined, path: TreePath): Tree | undefined {
  let found = tree;
  for (const part of path) {
    if (isMapping(found)) found = found.get(String(part));
    else if (isList(found) && typeof part === "number") found = found[part];
    else return undefined;
  }
  return found;
}

/** A mapping with one value replaced, or taken away where it is undefined. */
export function withKey(mapping: Mapping, key: string, value: Tree | undefined): Mapping {
  const changed = new Map(mapping);
  if (value === undefined) changed.delete(key);
  else changed.set(key, value);
  return changed;
}

/** The same tree with one value replaced; what leads to it must be there. */
export function withPath(tree: Tree, path: TreePath, value: Tree | undefined): Tree {
  const [first, ...rest] = path;
  if (first === undefined) return value ?? null;
  if (isMapping(tree)) {
    const key = String(first);
    const inner = tree.get(key);
    if (rest.length > 0 && inner === undefined) return tree;
    return withKey(tree, key, rest.length === 0 ? value : withPath(inner ?? null, rest, value));
  }
  if (isList(tree) && typeof first === "number") {
    if (rest.length === 0 && value === undefined) return tree.toSpliced(first, 1);
    const inner = tree[first];
    return inner === undefined ? tree : tree.with(first, withPath(inner, rest, value));
  }
  return tree;
}

/** Whether two trees say the same; the order of keys says nothing. */
export function sameTree(left: Tree | undefined, right: Tree | undefined): boolean {
  if (isMapping(left) && isMapping(right)) {
    return (
      left.size === right.size &&
      [...left].every(([key, value]) => right.has(key) && sameTree(value, right.get(key)))
    );
  }
  if (isList(left) && isList(right)) {
    return (
      left.length === right.length && left.every((value, index) => sameTree(value, right[index]))
    );
  }
  return left === right;
}

/** As Go prints a scalar with %v: what a file's number or boolean is as a string. */
export function scalarText(value: Scalar): string {
  if (value === null) return "";
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e21) return String(value);
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e21)) {
    return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }
  return String(value);
}

/** The text of a single value; of a list or mapping, the empty string. */
export function textOf(tree: Tree | undefined): string {
  return tree === undefined || isMapping(tree) || isList(tree) ? "" : scalarText(tree);
}
