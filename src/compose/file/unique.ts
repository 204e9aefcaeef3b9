import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type ComposeFault, composeError, type Positions } from "./positions.ts";
import { parseVolume } from "./short-volume.ts";
import { isList, isMapping, matchesPath, type Tree, type TreePath, textOf } from "./tree.ts";

/** Throws with what is wrong. */
type KeyOf = (element: Tree) => string;

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
  ["services.*.extra_hosts", textOf],
  ["services.*.build.extra_hosts", textOf],
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
    const position = positions.of(tree, index);
    const key = keyAt(element, { path: [...path, index], position }, special.keyOf);
    const place = places.get(key) ?? made.length;
    places.set(key, place);
    made[place] = element;
    if (position) positions.set(made, place, position);
  }
  return made;
}

function keyAt(element: Tree, place: Omit<ComposeFault, "what">, keyOf: KeyOf): string {
  try {
    return keyOf(element);
  } catch (error) {
    throw composeError({ ...place, what: messageOf(error) });
  }
}

/** Of `NAME=value`, the name. */
function nameOf(element: Tree): string {
  return textOf(element).split("=", 1)[0] ?? "";
}

function envFileOf(element: Tree): string {
  return isMapping(element) ? textOf(element.get("path")) : textOf(element);
}

function targetOf(element: Tree): string {
  if (!isMapping(element)) return parseVolume(textOf(element)).target;
  const target = element.get("target");
  if (typeof target === "string") return target;
  throw new InvalidArgumentError("a mount needs a target");
}

function mountOf(folder: string): KeyOf {
  return (element) => {
    if (!isMapping(element)) return `${folder}/${textOf(element)}`;
    const target = element.get("target");
    if (typeof target === "string") return target;
    return `${folder}/${textOf(element.get("source"))}`;
  };
}

function portOf(element: Tree): string {
  if (!isMapping(element)) return textOf(element);
  const target = element.get("target");
  if (target === undefined) throw new InvalidArgumentError("a port needs a target");
  const text = (key: string, or: string): string => textOf(element.get(key) ?? or);
  return `${text("host_ip", "0.0.0.0")}:${text("published", "")}:${textOf(target)}/${text("protocol", "tcp")}`;
}
