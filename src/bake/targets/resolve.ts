import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { nearestWord } from "#base/nearest.ts";
import {
  type Definition,
  type Group,
  mergeFields,
  normalized,
  type TargetFields,
} from "#bake/definition/target.ts";
import { isGlob, isGlobMatch } from "./glob-name.ts";
import { type Override, parseOverrides, withOverrides } from "./overrides.ts";

export interface ResolveRequest {
  /** Targets, groups and patterns that the user named. */
  readonly names: readonly string[];
  /** `--set` values, those of other flags among them. */
  readonly overrides: readonly string[];
  readonly environment: (name: string) => string | undefined;
  /** `cwd://` stays before contexts of this host: the others are elsewhere. */
  readonly keepsLocalPrefix?: boolean;
}

/** A target as it is built. */
export interface ResolvedTarget {
  readonly fields: TargetFields;
  /** Only others need it: nothing is made of it. */
  readonly isLinked: boolean;
}

export interface Resolved {
  readonly targets: ReadonlyMap<string, ResolvedTarget>;
  readonly groups: ReadonlyMap<string, Group>;
}

const TARGET_CONTEXT = "target:";
/** Of paths that are meant on this host, also where the definition is elsewhere. */
export const LOCAL_PREFIX = "cwd://";

/**
 * What is to be built for the named targets: with all that they inherit, what was set, and what they are linked to.
 *
 * @throws {NotFoundError} A target that there is not. {InvalidArgumentError} Links in a circle, or a wrong `--set`.
 */
export function resolveTargets(definition: Definition, request: ResolveRequest): Resolved {
  const names = definition.targets.map(({ name }) => name);
  const overrides = parseOverrides(request.overrides, names, request.environment);
  const given = { definition, overrides, keepsLocalPrefix: request.keepsLocalPrefix ?? false };
  const asked = [
    ...new Set(request.names.flatMap((name) => matching(definition, name.replaceAll(".", "_")))),
  ];
  const targets = new Map<string, ResolvedTarget>();
  const groups = new Map<string, Group>();
  for (const name of asked) {
    const found = expandGroup(definition, name, new Set());
    for (const target of found.targets) {
      targets.set(target, { fields: resolveOne(given, target), isLinked: false });
    }
    for (const group of found.groups) groups.set(group.name, group);
  }
  const first = groups.get("default");
  const more = asked.filter((name) => name !== "default" || !first);
  if (more.length > 0 || first) {
    const all = [...new Set([...(first?.targets ?? []), ...more])].toSorted();
    groups.set("default", { ...(first ?? { name: "default" }), targets: all });
  }
  for (const name of [...targets.keys()]) link(given, name, targets, []);
  return { targets: sorted(targets), groups: sorted(groups) };
}

function sorted<Value>(all: ReadonlyMap<string, Value>): ReadonlyMap<string, Value> {
  return new Map([...all].toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function matching({ groups, targets }: Definition, pattern: string): readonly string[] {
  if (!isGlob(pattern)) return [pattern];
  const all = [...groups, ...targets].map(({ name }) => name);
  const found = all.filter((name) => isGlobMatch(pattern, name));
  if (found.length > 0) return found;
  throw new NotFoundError(`could not find any target matching ${JSON.stringify(pattern)}`);
}

/** Targets of a group, those of groups in it among them; a target is a group of itself. */
function expandGroup(
  definition: Definition,
  name: string,
  visited: Set<string>,
): { readonly targets: readonly string[]; readonly groups: readonly Group[] } {
  const group = definition.groups.find((one) => one.name === name);
  if (!group) return { targets: [name], groups: [] };
  if (visited.has(name)) return { targets: [], groups: [] };
  visited.add(name);
  const parts = group.targets.map((one) => expandGroup(definition, one, visited));
  return {
    targets: [...new Set(parts.flatMap(({ targets }) => targets))],
    groups: [group, ...parts.flatMap(({ groups }) => groups)],
  };
}

interface Given {
  readonly definition: Definition;
  readonly overrides: readonly Override[];
  readonly keepsLocalPrefix: boolean;
}

function resolveOne(
  { definition, overrides, keepsLocalPrefix }: Given,
  name: string,
): TargetFields {
  const { inherits: _, ...fields } = inherited(definition, name, overrides, new Map());
  const said = fields.context ?? ".";
  const prefix = keepsLocalPrefix && said.startsWith(LOCAL_PREFIX) ? LOCAL_PREFIX : "";
  const context = `${prefix}${cleanContext(said)}`;
  const dockerfile =
    fields.dockerfile === undefined || fields.dockerfile === "" ? "Dockerfile" : fields.dockerfile;
  if (context === "-") throw new InvalidArgumentError("context from stdin not allowed in bake");
  if (dockerfile === "-")
    throw new InvalidArgumentError("dockerfile from stdin not allowed in bake");
  return { ...fields, context, dockerfile };
}

function inherited(
  definition: Definition,
  name: string,
  overrides: readonly Override[],
  visited: Map<string, TargetFields | undefined>,
): TargetFields {
  if (visited.has(name)) return visited.get(name) ?? {};
  visited.set(name, undefined); // a circle ends here
  const target = definition.targets.find((one) => one.name === name);
  if (!target) {
    const known = [...definition.targets, ...definition.groups].map((one) => one.name);
    const near = nearestWord(name, known);
    throw new NotFoundError(
      `failed to find target ${name}${near === undefined ? "" : `; did you mean ${near}?`}`,
    );
  }
  const parents = (target.fields.inherits ?? []).map((one) =>
    inherited(definition, one, overrides, visited),
  );
  const own = [...parents, target.fields].reduce<TargetFields>(mergeFields, {});
  const done = normalized(withOverrides(name, own, overrides));
  visited.set(name, done);
  return done;
}

/** `./a/../b/` as `b`; places that are no folders of this host stay. */
function cleanContext(context: string): string {
  if (isRemote(context)) return context;
  const local = context.startsWith(LOCAL_PREFIX) ? context.slice(LOCAL_PREFIX.length) : context;
  const isRooted = local.startsWith("/");
  const kept: string[] = [];
  for (const word of local.split("/")) {
    if (word === "" || word === ".") continue;
    if (word !== "..") kept.push(word);
    else if (kept.length > 0 && kept.at(-1) !== "..") kept.pop();
    else if (!isRooted) kept.push("..");
  }
  const joined = kept.join("/");
  return isRooted ? `/${joined}` : joined === "" ? "." : joined;
}

/** Whether files are elsewhere: a repository or an archive. */
export function isRemote(place: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|git@|github\.com\/|ssh:\/\/)/.test(place);
}

/** Names of targets whose results a target takes files from. */
export function linksOf({ contexts = {} }: TargetFields): readonly string[] {
  return Object.values(contexts)
    .filter((place) => place.startsWith(TARGET_CONTEXT))
    .map((place) => place.slice(TARGET_CONTEXT.length));
}

function link(
  given: Given,
  name: string,
  targets: Map<string, ResolvedTarget>,
  visited: readonly string[],
): void {
  const target = targets.get(name);
  if (!target) return;
  for (const other of linksOf(target.fields)) {
    if (other === name) throw new InvalidArgumentError(`target ${other} cannot link to itself`);
    if (visited.includes(other)) {
      throw new InvalidArgumentError(`infinite loop from ${name} to ${other}`);
    }
    if (!targets.has(other)) {
      const fields = resolveOne(given, other);
      targets.set(other, {
        fields: { ...fields, output: [{ type: "cacheonly" }] },
        isLinked: true,
      });
    }
    link(given, other, targets, [...visited, name]);
    shareWith(name, other, targets);
  }
}

/** Entitlements of a linked target are needed by who links to it; its platforms must be among the other's. */
function shareWith(name: string, other: string, targets: Map<string, ResolvedTarget>): void {
  const [own, linked] = [targets.get(name), targets.get(other)];
  if (!own || !linked) return;
  const needed = new Set([
    ...(own.fields.entitlements ?? []),
    ...(linked.fields.entitlements ?? []),
  ]);
  if (needed.size > 0) {
    targets.set(name, { ...own, fields: { ...own.fields, entitlements: [...needed] } });
  }
  const [wanted = [], had = []] = [own.fields.platforms, linked.fields.platforms];
  if (wanted.length > 1 && had.length > 1 && !wanted.every((one) => had.includes(one))) {
    throw new InvalidArgumentError(
      `target ${other} can't be used by ${name} because its platforms [${wanted.join(" ")}] are not a subset of [${had.join(" ")}]`,
    );
  }
}
