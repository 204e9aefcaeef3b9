import { dirname, resolve } from "node:path";
import { toLongForms } from "./canonical.ts";
import { decodeText } from "./decode-text.ts";
import { applyExtends } from "./extends.ts";
import { applyIncludes } from "./include.ts";
import { interpolateTree } from "./interpolate.ts";
import { mergeTrees } from "./merge.ts";
import { type ParsedDocument, parseYaml } from "./parse-yaml.ts";
import type { LoadContext, SourceFile } from "./load-context.ts";
import { composeError, composeNotFound, type Positions, shortPath } from "./positions.ts";
import type { ReadBytes } from "./read-text.ts";
import { withAbsolutePaths } from "./relative-paths.ts";
import { isMapping, type Mapping, type Tree, treeAt, withKey, withPath } from "./tree.ts";
import { withoutRepeats } from "./unique.ts";
import { validateFile } from "./validate.ts";

/** @throws {NotFoundError} There is no such file. {InvalidArgumentError} It is no text. */
export function readComposeFile(path: string, read: ReadBytes): string {
  try {
    return decodeText(read(path), path);
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (!isMissing) throw error;
    throw composeNotFound({ what: `open ${path}: no such file or directory` });
  }
}

/**
 * The files over one another, with includes, extends and variables carried out, every form long and every
 * path absolute.
 *
 * @throws {InvalidArgumentError} Pointing at file, line and column.
 */
export function loadTree(files: readonly SourceFile[], context: LoadContext): Mapping {
  let merged: Tree = new Map();
  for (const file of files) {
    for (const document of readDocuments(file, context)) {
      const prepared = prepare(document.tree, file, context, merged);
      for (const path of document.resets) merged = withPath(merged, path, undefined);
      merged = mergeTrees(merged, prepared, context.positions);
      merged = withoutRepeats(merged, context.positions);
      merged = toLongForms(merged, context.positions, { keepsCommands: !context.isInterpolated });
      merged = withoutRepeats(merged, context.positions);
    }
  }
  if (!isMapping(merged)) throw composeError({ what: "the top of the file must be a mapping" });
  if (context.keepsRelativePaths) return merged;
  const absolute = withAbsolutePaths(merged, context.workingDirectory, context.positions);
  return isMapping(absolute) ? absolute : merged;
}

function readDocuments(file: SourceFile, context: LoadContext): readonly ParsedDocument[] {
  const text = file.content ?? readComposeFile(file.path, context.readBytes);
  return parseYaml(text, file.path, context.positions);
}

/** One document before it is merged: variables, schema, extends, includes. */
function prepare(tree: Tree, file: SourceFile, context: LoadContext, below: Tree): Mapping {
  const { positions } = context;
  const filled = withoutIdleNulls(interpolated(tree, context), below, positions);
  if (!isMapping(filled)) {
    const position = { file: file.path, line: 1, column: 1 };
    throw composeError({ position, what: "the top of the file must be a mapping" });
  }
  const said = filled.get("include") === null ? withKey(filled, "include", undefined) : filled;
  positions.inherit(said, filled);
  validateFile(said, positions);
  let prepared: Mapping = said;
  if (prepared.has("version")) {
    context.warn(
      `${shortPath(file.path)}: the attribute \`version\` is obsolete, it will be ignored, please remove it to avoid potential confusion`,
    );
    prepared = withKey(prepared, "version", undefined);
    positions.inherit(prepared, filled);
  }
  const base = file.path === "-" ? context.workingDirectory : dirname(resolve(file.path));
  prepared = applyExtends(prepared, {
    ...context,
    file: file.path,
    folder: base,
    readServices: (paths) => readServices(paths, context),
  });
  return applyIncludes(prepared, file.path, context, loadTree);
}

/** A key of a service that is there without a value takes nothing of the files below away. */
function withoutIdleNulls(tree: Tree, below: Tree, positions: Positions): Tree {
  const services = isMapping(tree) ? tree.get("services") : undefined;
  if (!isMapping(tree) || !isMapping(services)) return tree;
  let changed: Mapping = services;
  for (const [name, service] of services) {
    if (!isMapping(service)) continue;
    const said = [...service].filter(
      ([key, value]) => value !== null || treeAt(below, ["services", name, key]) === undefined,
    );
    if (said.length === service.size) continue;
    const kept: Mapping = new Map(said);
    positions.inherit(kept, service);
    const next = withKey(changed, name, kept);
    positions.inherit(next, changed);
    changed = next;
  }
  if (changed === services) return tree;
  const made = withKey(tree, "services", changed);
  positions.inherit(made, tree);
  return made;
}

function interpolated(tree: Tree, context: LoadContext): Tree {
  if (!context.isInterpolated) return tree;
  return interpolateTree(
    tree,
    {
      lookUp: (name) => context.environment.get(name),
      onUnset: (name) =>
        context.warn(`The "${name}" variable is not set. Defaulting to a blank string.`),
      ...(context.onVariable === undefined ? {} : { onVariable: context.onVariable }),
    },
    context.positions,
  );
}

/** The services of another file that one is to extend, its paths absolute. */
function readServices(paths: readonly string[], context: LoadContext): Mapping | undefined {
  let merged: Tree = new Map();
  for (const { tree } of paths.flatMap((path) => readDocuments({ path }, context))) {
    const filled = interpolated(tree, context);
    validateFile(filled, context.positions);
    merged = mergeTrees(merged, filled, context.positions);
  }
  const long = toLongForms(merged, context.positions, {
    keepsCommands: !context.isInterpolated,
  });
  const absolute = withAbsolutePaths(long, dirname(paths[0] ?? "."), context.positions);
  const services = isMapping(absolute) ? absolute.get("services") : undefined;
  return isMapping(services) ? services : undefined;
}
