import { composeError, type Positions } from "./positions.ts";
import { parseVolume } from "./short-volume.ts";
import { isList, isMapping, matchesPath, scalarText, type Tree, type TreePath } from "./tree.ts";

type KeyOf = (element: Tree, path: TreePath) => string;

/** Lists where a later element takes the place of an earlier one that says the same thing. */
const UNIQUE: readonly (readonly [pattern: string, keyOf: KeyOf])[] = [
  ...[
    "networks.*.labels",
    "volumes.*.labels",
    "services.*.annotations",
    "services.*.build.args",
    "services.*.build.additional_contexts",
    "services.*.build.tags",
    "services.*.build.labels",
    "services.*.build.platforms",
    "services.*.build.extra_hosts",
    "services.*.cap_add",
    "services.*.cap_drop",
    "services.*.deploy.labels",
    "services.*.dns",
    "services.*.dns_opt",
    "services.*.dns_search",
    "services.*.environment",
    "services.*.expose",
    "services.*.labels",
    "services.*.links",
    "services.*.networks.*.aliases",
    "services.*.networks.*.link_local_ips",
    "services.*.profiles",
    "services.*.sysctls",
    "services.*.tmpfs",
    "services.*.volumes.*.volume.labels",
  ].map((pattern): readonly [string, KeyOf] => [pattern, nameOf]),
  ["services.*.extra_hosts", (element) => elementText(element)],
  ["services.*.env_file", envFileOf],
  ["services.*.label_file", envFileOf],
  ["services.*.devices", targetOf],
  ["services.*.volumes", targetOf],
  ["services.*.configs", mountOf("")],
  ["services.*.secrets", mountOf("/run/secrets")],
  ["services.*.ports", portOf],
];
const PATTERNS = UNIQUE.map(([pattern, keyOf]) => ({ parts: pattern.split("."), keyOf }));

/** @throws {InvalidArgumentError} A mount has no target. */
export function withoutRepeats(tree: Tree, positions: Positions, path: TreePath = []): Tree {
  if (isMapping(tree)) {
    const made = new Map(
      [...tree].map(([key, value]) => [key, withoutRepeats(value, positions, [...path, key])]),
    );
    positions.inherit(made, tree);
    return made;
  }
  if (!isList(tree)) return tree;
  const special = PATTERNS.find(({ parts }) => matchesPath(path, parts));
  if (!special) {
    const made = tree.map((value, index) => withoutRepeats(value, positions, [...path, index]));
    positions.inherit(made, tree);
    return made;
  }
  const places = new Map<string, number>();
  const made: Tree[] = [];
  for (const [index, element] of tree.entries()) {
    const key = special.keyOf(element, [...path, index]);
    const place = places.get(key) ?? made.length;
    places.set(key, place);
    made[place] = element;
    const position = positions.of(tree, index);
    if (position) positions.set(made, place, position);
  }
  return made;
}

function elementText(element: Tree): string {
  return isMapping(element) || isList(element) ? "" : scalarText(element);
}

/** Of `NAME=value`, the name. */
function nameOf(element: Tree): string {
  return elementText(element).split("=", 1)[0] ?? "";
}

function envFileOf(element: Tree): string {
  return isMapping(element) ? elementText(element.get("path") ?? null) : elementText(element);
}

function targetOf(element: Tree, path: TreePath): string {
  if (!isMapping(element)) return parseVolume(elementText(element)).target;
  const target = element.get("target");
  if (typeof target === "string") return target;
  throw composeError({ path, what: "a mount needs a target" });
}

function mountOf(folder: string): KeyOf {
  return (element) => {
    if (!isMapping(element)) return `${folder}/${elementText(element)}`;
    const target = element.get("target");
    if (typeof target === "string") return target;
    return `${folder}/${elementText(element.get("source") ?? null)}`;
  };
}

function portOf(element: Tree, path: TreePath): string {
  if (!isMapping(element)) return elementText(element);
  const target = element.get("target");
  if (target === undefined) throw composeError({ path, what: "a port needs a target" });
  const text = (key: string, or: string): string => elementText(element.get(key) ?? or);
  return `${text("host_ip", "0.0.0.0")}:${text("published", "")}:${elementText(target)}/${text("protocol", "tcp")}`;
}
