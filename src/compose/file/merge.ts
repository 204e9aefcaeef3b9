import { composeError, type Positions } from "./positions.ts";
import {
  isList,
  isMapping,
  type Mapping,
  matchesPath,
  sameTree,
  scalarText,
  textOf,
  type Tree,
  type TreePath,
} from "./tree.ts";

type Merge = (left: Tree, right: Tree, path: TreePath, positions: Positions) => Tree;

/** Where a file over another does something else than: mappings key by key, lists one behind the other. */
const SPECIAL: readonly (readonly [pattern: string, merge: Merge])[] = [
  ...[
    "networks.*.labels",
    "volumes.*.labels",
    "services.*.annotations",
    "services.*.build.args",
    "services.*.build.additional_contexts",
    "services.*.build.labels",
    "services.*.deploy.labels",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.env_file",
    "services.*.label_file",
    "services.*.environment",
    "services.*.labels",
    "services.*.sysctls",
    "services.*.tmpfs",
    "services.*.volumes.*.volume.labels",
  ].map((pattern): readonly [string, Merge] => [pattern, mergeAsLists]),
  ["services.*.extra_hosts", mergeHosts],
  ["services.*.build.extra_hosts", mergeHosts],
  ["services.*.command", override],
  ["services.*.entrypoint", override],
  ["services.*.healthcheck.test", override],
  ["services.*.build", mergeBuild],
  ["services.*.depends_on", mergeNamed(new Map([["condition", "service_started"]]))],
  ["services.*.networks", mergeNamed(undefined)],
  ["services.*.models", mergeNamed(undefined)],
  ["services.*.logging", mergeLogging],
  ["services.*.ulimits.*", mergeUlimit],
  ["networks.*.ipam.config", mergeIpamConfig],
];
const PATTERNS = SPECIAL.map(([pattern, merge]) => ({ parts: pattern.split("."), merge }));

/**
 * One file's content over another's, by the specification's rules.
 *
 * @throws {InvalidArgumentError} A list would have to become a mapping, or the reverse.
 */
export function mergeTrees(
  left: Tree,
  right: Tree,
  positions: Positions,
  path: TreePath = [],
): Tree {
  const special = PATTERNS.find(({ parts }) => matchesPath(path, parts));
  if (special) return special.merge(left, right, path, positions);
  if (right === null && left !== null && typeof left === "object") return left;
  if (isMapping(left)) {
    if (!isMapping(right)) throw cannotOverride(left, right, path, positions);
    return mergeMappings(left, right, path, positions);
  }
  if (isList(left)) {
    if (!isList(right)) throw cannotOverride(left, right, path, positions);
    return concatenated([left, right], positions);
  }
  return right;
}

function cannotOverride(_: Tree, right: Tree, path: TreePath, positions: Positions): Error {
  return composeError({
    position: isMapping(right) || isList(right) ? positions.find(right, [0]) : undefined,
    path,
    what: "cannot override a list or mapping with something of another shape",
  });
}

function mergeMappings(
  left: Mapping,
  right: Mapping,
  path: TreePath,
  positions: Positions,
): Mapping {
  const merged = new Map(left);
  for (const [key, value] of right) {
    const there = left.get(key);
    const isTaken = there === undefined || there === null || key.startsWith("x-");
    merged.set(key, isTaken ? value : mergeTrees(there, value, positions, [...path, key]));
  }
  positions.inherit(merged, left, right);
  return merged;
}

function concatenated(lists: readonly (readonly Tree[])[], positions: Positions): readonly Tree[] {
  const all = lists.flat();
  let offset = 0;
  for (const list of lists) {
    for (const index of list.keys()) {
      const position = positions.of(list, index);
      if (position) positions.set(all, offset + index, position);
    }
    offset += list.length;
  }
  return all;
}

/** `{a: 1, b: }` as `["a=1", "b"]`. */
function asList(tree: Tree, positions: Positions): readonly Tree[] {
  if (isList(tree)) return tree;
  if (!isMapping(tree)) return tree === null ? [] : [tree];
  const keys = [...tree.keys()].toSorted();
  const list = keys.map((key) => {
    const value = tree.get(key) ?? null;
    if (isMapping(value) || isList(value)) return value;
    return value === null ? key : `${key}=${scalarText(value)}`;
  });
  for (const [index, key] of keys.entries()) {
    const position = positions.of(tree, key);
    if (position) positions.set(list, index, position);
  }
  return list;
}

function mergeAsLists(left: Tree, right: Tree, _path: TreePath, positions: Positions): Tree {
  return concatenated([asList(left, positions), asList(right, positions)], positions);
}

function mergeHosts(left: Tree, right: Tree, path: TreePath, positions: Positions): Tree {
  const lists = [left, right].map((tree) => {
    const list = asList(tree, positions);
    const made = list.map((each) =>
      typeof each === "string" && !each.includes("=") ? each.replace(":", "=") : each,
    );
    positions.inherit(made, list);
    return made;
  });
  return mergeAsLists(lists[0] ?? [], lists[1] ?? [], path, positions);
}

function override(_left: Tree, right: Tree): Tree {
  return right;
}

function mergeBuild(left: Tree, right: Tree, path: TreePath, positions: Positions): Tree {
  const asMapping = (tree: Tree): Mapping =>
    isMapping(tree) ? tree : new Map(tree === null ? [] : [["context", tree]]);
  return mergeMappings(asMapping(left), asMapping(right), path, positions);
}

/** `[a, b]` is `{a: given, b: given}`. */
function mergeNamed(given: Mapping | undefined): Merge {
  const asMapping = (tree: Tree, positions: Positions): Mapping => {
    if (isMapping(tree)) return tree;
    const list = asList(tree, positions);
    const made = new Map(list.map((name) => [textOf(name), given ?? null]));
    for (const [index, name] of list.entries()) {
      const position = positions.of(list, index);
      if (position) positions.set(made, textOf(name), position);
    }
    return made;
  };
  return (left, right, path, positions) =>
    mergeMappings(asMapping(left, positions), asMapping(right, positions), path, positions);
}

/** Options are those of one driver. */
function mergeLogging(left: Tree, right: Tree, path: TreePath, positions: Positions): Tree {
  if (!isMapping(left) || !isMapping(right)) return right;
  const isSameDriver =
    !left.has("driver") ||
    !right.has("driver") ||
    sameTree(left.get("driver"), right.get("driver"));
  return isSameDriver ? mergeMappings(left, right, path, positions) : right;
}

function mergeUlimit(left: Tree, right: Tree, path: TreePath, positions: Positions): Tree {
  if (!isMapping(left) || !isMapping(right)) return right;
  return mergeMappings(left, right, path, positions);
}

/** Pools of one subnet are one. */
function mergeIpamConfig(left: Tree, right: Tree, path: TreePath, positions: Positions): Tree {
  if (!isList(left) || !isList(right)) return right;
  const subnetOf = (tree: Tree): Tree | undefined =>
    isMapping(tree) ? tree.get("subnet") : undefined;
  const merged = left.map((pool, index) => {
    const over = right.find((other) => {
      const subnet = subnetOf(other);
      return subnet !== undefined && sameTree(subnet, subnetOf(pool));
    });
    if (!over || !isMapping(pool) || !isMapping(over)) return pool;
    return mergeMappings(pool, over, [...path, index], positions);
  });
  positions.inherit(merged, left);
  const added = right.filter((pool) => {
    const subnet = subnetOf(pool);
    return subnet === undefined || !left.some((other) => sameTree(subnetOf(other), subnet));
  });
  return concatenated([merged, added], positions);
}
