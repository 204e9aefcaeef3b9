import { existsSync } from "node:fs";
import { nearestWord } from "#base/nearest.ts";
import { toLongForms } from "./canonical.ts";
import { mergeTrees } from "./merge.ts";
import { composeError, composeNotFound, type Positions, shortPath } from "./positions.ts";
import { pathsOf, type RemoteFiles } from "#compose/remote/remote-files.ts";
import { absoluteFrom } from "./relative-paths.ts";
import { isMapping, type Mapping, type Position, type Tree, withKey } from "./tree.ts";

export interface ExtendsContext {
  readonly positions: Positions;
  /** That the services are of, as the user named it, and its folder. */
  readonly file: string;
  readonly folder: string;
  /** Services of another file, or of several over one another. */
  readonly readServices: (paths: readonly string[]) => Mapping | undefined;
  readonly remotes: RemoteFiles;
  readonly isInterpolated: boolean;
}

/** Services that extend each other in a row. */
const MAX_STEPS = 1000;

interface Step {
  readonly file: string;
  readonly service: string;
}

/**
 * Puts what a service extends below it. What a service of another file extends in turn is looked up there.
 *
 * @throws {NotFoundError} There is no such service. {InvalidArgumentError} They extend each other in a circle.
 */
export function applyExtends(tree: Mapping, given: ExtendsContext): Mapping {
  const services = tree.get("services");
  if (!isMapping(services)) return tree;
  const context = remembering(given);
  const applied = new Map(
    [...services.keys()].map((name) => [name, extended(name, services, context, [])]),
  );
  context.positions.inherit(applied, services);
  const made = withKey(tree, "services", applied);
  context.positions.inherit(made, tree);
  return made;
}

interface Remembering extends ExtendsContext {
  /** What became of services, by where they stand. */
  readonly results: WeakMap<Mapping, Map<string, Tree>>;
}

/** Reads each file once, and extends each service once. */
function remembering(context: ExtendsContext): Remembering {
  const read = new Map<string, Mapping | undefined>();
  return {
    ...context,
    results: new WeakMap(),
    readServices: (paths) => {
      const key = paths.join("\0");
      if (!read.has(key)) read.set(key, context.readServices(paths));
      return read.get(key);
    },
  };
}

function extended(
  name: string,
  services: Mapping,
  context: Remembering,
  steps: readonly Step[],
): Tree {
  const known = context.results.get(services)?.get(name);
  if (known !== undefined) return known;
  const result = extendedAnew(name, services, context, steps);
  const results = context.results.get(services) ?? new Map<string, Tree>();
  context.results.set(services, results.set(name, result));
  return result;
}

function extendedAnew(
  name: string,
  services: Mapping,
  context: Remembering,
  steps: readonly Step[],
): Tree {
  const service = services.get(name) ?? null;
  if (!isMapping(service) || !service.has("extends")) return service;
  const { positions } = context;
  const position = positions.of(service, "extends");
  const { from, file } = readExtends(service.get("extends") ?? null, position, name);
  const here: Step = { file: context.file, service: name };
  if (steps.some((step) => step.file === here.file && step.service === name)) {
    throw composeError({ position, what: circle([...steps, here]) });
  }
  if (steps.length > MAX_STEPS) {
    throw composeError({ position, what: `more than ${MAX_STEPS} services extend each other` });
  }
  const { base, folderContext } = lookUp({ from, file, name, position }, services, context);
  const below = extended(from, base, folderContext, [...steps, here]);
  const own = withKey(service, "extends", undefined);
  positions.inherit(own, service);
  if (!isMapping(below)) return own;
  const inService = (inner: Tree): Mapping => new Map([["services", new Map([[name, inner]])]]);
  const merged = mergeTrees(
    toLongForms(inService(below), positions, { keepsCommands: !context.isInterpolated }),
    toLongForms(inService(own), positions, { keepsCommands: !context.isInterpolated }),
    positions,
  );
  const mergedServices = isMapping(merged) ? merged.get("services") : undefined;
  return (isMapping(mergedServices) ? mergedServices.get(name) : undefined) ?? own;
}

function readExtends(
  tree: Tree,
  position: Position | undefined,
  name: string,
): { readonly from: string; readonly file: string | undefined } {
  if (typeof tree === "string") return { from: tree, file: undefined };
  const from = isMapping(tree) ? tree.get("service") : undefined;
  const file = isMapping(tree) ? tree.get("file") : undefined;
  if (typeof from === "string") return { from, file: typeof file === "string" ? file : undefined };
  throw composeError({
    position,
    path: ["services", name, "extends"],
    what: "service is missing: which one does it extend?",
  });
}

interface Wanted {
  readonly from: string;
  readonly file: string | undefined;
  readonly name: string;
  readonly position: Position | undefined;
}

function lookUp(
  { from, file, name, position }: Wanted,
  services: Mapping,
  context: Remembering,
): { readonly base: Mapping; readonly folderContext: Remembering } {
  const notFound = (where: string, known: readonly string[]): never => {
    const nearest = nearestWord(from, known);
    const near = nearest === undefined ? "" : ` (did you mean ${nearest}?)`;
    throw composeNotFound({
      position,
      what: `cannot extend service "${name}" in ${shortPath(context.file)}: service "${from}" not found${where}${near}`,
    });
  };
  if (file === undefined) {
    if (!services.has(from)) notFound("", [...services.keys()]);
    return { base: services, folderContext: context };
  }
  const paths = pathsOf(file, "extends", context.remotes, position).map((each) =>
    absoluteFrom(context.folder, each),
  );
  const [path = file] = paths;
  const missing = paths.find((each) => !existsSync(each));
  if (missing !== undefined) {
    throw composeNotFound({
      position,
      what: `cannot extend service "${name}": open ${missing}: no such file or directory`,
    });
  }
  const base = context.readServices(paths);
  if (!base?.has(from)) return notFound(` in ${file}`, [...(base?.keys() ?? [])]);
  const folder = path.slice(0, path.lastIndexOf("/")) || "/";
  return { base, folderContext: { ...context, file: path, folder } };
}

function circle(steps: readonly Step[]): string {
  const [first, ...rest] = steps.map(({ service, file }) => `${service} in ${shortPath(file)}`);
  return `Circular reference: ${first}${rest.map((step) => `, extends ${step}`).join("")}`;
}
