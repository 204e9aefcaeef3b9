import { messageOf } from "#base/errors.ts";
import { parsePortPublication } from "#spec/engine-api/port-spec.ts";
import { composeError, type Positions } from "./positions.ts";
import { parseVolume } from "./short-volume.ts";
import { splitShellWords } from "./shell-words.ts";
import {
  isList,
  isMapping,
  type Mapping,
  matchesPath,
  scalarText,
  textOf,
  type Tree,
  type TreePath,
  withKey,
} from "./tree.ts";

/** An element of a list may become several. */
type Transform = (tree: Tree) => Tree;
type Expand = (element: Tree) => readonly Tree[];

const TRANSFORMS: readonly (readonly [pattern: string, transform: Transform])[] = [
  ["services.*.build", (tree) => (isMapping(tree) ? tree : mappingOf({ context: tree }))],
  ["services.*.build.ssh", keyValues],
  ["services.*.build.additional_contexts", keyValues],
  ["services.*.build.cache_from", stringOrList],
  ["services.*.build.no_cache_filter", stringOrList],
  ["services.*.build.tags", stringOrList],
  ["services.*.build.ulimits.*", (tree) => tree],
  ["services.*.command", shellCommand],
  ["services.*.entrypoint", shellCommand],
  ["services.*.depends_on", dependsOn],
  ["services.*.dns", stringOrList],
  ["services.*.dns_search", stringOrList],
  ["services.*.env_file", envFiles],
  ["services.*.gpus", (tree) => (tree === "all" ? [mappingOf({ count: "all" })] : tree)],
  ["services.*.healthcheck.test", (tree) => (isList(tree) ? tree : ["CMD-SHELL", tree])],
  ["services.*.label_file", stringOrList],
  ["services.*.models", namedList],
  ["services.*.networks", namedList],
  ["services.*.pre_start.*.command", shellCommand],
  ["services.*.post_start.*.command", shellCommand],
  ["services.*.pre_stop.*.command", shellCommand],
  ["services.*.develop.watch.*.exec.command", shellCommand],
  ["services.*.provider.options.*", stringOrList],
  ["services.*.tmpfs", stringOrList],
  ["include.*", (tree) => (isMapping(tree) ? tree : mappingOf({ path: tree }))],
  ["include.*.path", stringOrList],
  ["include.*.env_file", stringOrList],
  ...["volumes.*", "networks.*", "secrets.*", "configs.*"].map(
    (pattern): readonly [string, Transform] => [pattern, maybeExternal],
  ),
];

const EXPANSIONS: readonly (readonly [pattern: string, expand: Expand])[] = [
  ["services.*.ports", expandPort],
  ["services.*.volumes", (element) => [longVolume(element)]],
  ["services.*.devices", (element) => [longDevice(element)]],
  ["services.*.secrets", (element) => [secretMount(element)]],
  ["services.*.configs", (element) => [fileMount(element)]],
  ["services.*.build.secrets", (element) => [fileMount(element)]],
  ["services.*.develop.watch", expandWatch],
];

const transforms = TRANSFORMS.map(([pattern, transform]) => ({
  parts: pattern.split("."),
  transform,
}));
const expansions = EXPANSIONS.map(([pattern, expand]) => ({ parts: pattern.split("."), expand }));

/**
 * Every short form as its long one. Source: the Compose specification.
 *
 * @param options.keepsCommands Whether the words of a command stay one text: with variables in them, they are not known.
 * @throws {InvalidArgumentError} A short form cannot be read, pointing at it.
 */
export function toLongForms(
  tree: Tree,
  positions: Positions,
  options: { readonly keepsCommands?: boolean } = {},
): Tree {
  const isKept = ({ transform }: (typeof transforms)[number]): boolean =>
    options.keepsCommands === true && transform === shellCommand;
  const walk = (inner: Tree, path: TreePath): Tree => {
    const special = transforms.find(({ parts }) => matchesPath(path, parts));
    const long = special && inner !== null && !isKept(special) ? special.transform(inner) : inner;
    if (isMapping(long)) {
      const made = new Map([...long].map(([key, value]) => [key, at(value, [...path, key])]));
      positions.inherit(made, long);
      if (isMapping(inner)) positions.inherit(made, inner);
      const named = isList(inner) ? inner : [];
      for (const [index, element] of named.entries()) {
        const position = positions.of(named, index);
        if (position) positions.set(made, textOf(element), position);
      }
      return made;
    }
    if (!isList(long)) return long;
    const expansion = expansions.find(({ parts }) => matchesPath(path, parts));
    const made: Tree[] = [];
    for (const [index, element] of long.entries()) {
      const elementPath = [...path, index];
      const position =
        positions.of(long, index) ?? (isList(inner) ? positions.of(inner, index) : undefined);
      const found = expansion ? guarded(element, elementPath, expansion.expand) : [element];
      for (const each of found) {
        if (position) positions.set(made, made.length, position);
        if (isMapping(each) && isMapping(element)) positions.inherit(each, element);
        made.push(at(each, elementPath));
      }
    }
    return made;
  };
  const guarded = (element: Tree, path: TreePath, expand: Expand): readonly Tree[] => {
    try {
      return expand(element);
    } catch (error) {
      throw composeError({ position: positions.find(tree, path), path, what: messageOf(error) });
    }
  };
  const at = (inner: Tree, path: TreePath): Tree => walk(inner, path);
  return walk(tree, []);
}

function mappingOf(fields: Readonly<Record<string, Tree | undefined>>): Mapping {
  return new Map(
    Object.entries(fields).flatMap(([key, value]): [string, Tree][] =>
      value === undefined ? [] : [[key, value]],
    ),
  );
}

function stringOrList(tree: Tree): Tree {
  return isMapping(tree) || isList(tree) ? tree : [scalarText(tree)];
}

function shellCommand(tree: Tree): Tree {
  return typeof tree === "string" ? splitShellWords(tree) : tree;
}

function namedList(tree: Tree): Tree {
  if (!isList(tree)) return tree;
  return new Map(tree.map((name) => [textOf(name), null]));
}

function keyValues(tree: Tree): Tree {
  if (!isList(tree)) return tree;
  return new Map(
    tree.map((each): [string, Tree] => {
      const text = textOf(each);
      const equals = text.indexOf("=");
      return equals === -1 ? [text, null] : [text.slice(0, equals), text.slice(equals + 1)];
    }),
  );
}

function dependsOn(tree: Tree): Tree {
  const given: readonly (readonly [string, Tree])[] = [
    ["condition", "service_started"],
    ["required", true],
  ];
  if (isList(tree)) return new Map(tree.map((name) => [textOf(name), new Map(given)]));
  if (!isMapping(tree)) return tree;
  return new Map(
    [...tree].map(([name, value]) => [
      name,
      new Map([...given, ...(isMapping(value) ? value : [])]),
    ]),
  );
}

function envFiles(tree: Tree): Tree {
  const list = isList(tree) ? tree : [tree];
  return list.map((each) =>
    isMapping(each)
      ? new Map<string, Tree>([["required", true], ...each])
      : mappingOf({ path: each, required: true }),
  );
}

/** `external: {name: x}` is an old way to say `external: true` and `name: x`. */
function maybeExternal(tree: Tree): Tree {
  if (!isMapping(tree)) return tree;
  const external = tree.get("external");
  if (!isMapping(external)) return tree;
  const name = external.get("name");
  const simple = withKey(tree, "external", true);
  return name === undefined || simple.has("name") ? simple : withKey(simple, "name", name);
}

function expandPort(element: Tree): readonly Tree[] {
  if (isMapping(element)) {
    const published = element.get("published");
    const text = published === undefined || published === null ? undefined : textOf(published);
    return [
      new Map<string, Tree>([
        ["mode", "ingress"],
        ["protocol", "tcp"],
        ...element,
        ...(text === undefined ? [] : [["published", text] as const]),
      ]),
    ];
  }
  if (isList(element) || element === null) return [element];
  return parsePortPublication(scalarText(element)).map(({ containerPort, hostIp, hostPort }) =>
    mappingOf({
      mode: "ingress",
      host_ip: hostIp === "" ? undefined : hostIp,
      target: containerPort.port,
      published: hostPort === "" ? undefined : hostPort,
      protocol: containerPort.protocol,
    }),
  );
}

function longVolume(element: Tree): Tree {
  if (isMapping(element)) return element;
  const volume = parseVolume(textOf(element));
  const { type, source, target, isReadOnly, consistency, selinux, propagation, isNoCopy } = volume;
  return mappingOf({
    type,
    source,
    target,
    read_only: isReadOnly ? true : undefined,
    consistency,
    bind: type === "bind" ? mappingOf({ create_host_path: true, selinux, propagation }) : undefined,
    volume: type === "volume" ? mappingOf({ nocopy: isNoCopy }) : undefined,
  });
}

function longDevice(element: Tree): Tree {
  if (isMapping(element)) return new Map<string, Tree>([["permissions", "rwm"], ...element]);
  const [source = "", target = source, permissions = "rwm", ...more] = textOf(element).split(":");
  if (more.length > 0)
    throw new Error(`confusing device mapping, use the long form: ${textOf(element)}`);
  return mappingOf({ source, target, permissions });
}

function fileMount(element: Tree): Tree {
  return isMapping(element) ? element : mappingOf({ source: element });
}

function secretMount(element: Tree): Tree {
  const mount = fileMount(element);
  const source = isMapping(mount) ? mount.get("source") : undefined;
  if (!isMapping(mount) || mount.has("target") || source === undefined) return mount;
  return withKey(mount, "target", `/run/secrets/${textOf(source)}`);
}

function expandWatch(element: Tree): readonly Tree[] {
  if (!isMapping(element)) return [element];
  const path = element.get("path");
  return isList(path) ? path.map((each) => withKey(element, "path", each)) : [element];
}
