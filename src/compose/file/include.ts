import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseDotenv, textOfFile } from "./dotenv.ts";
import type { LoadContext, SourceFile } from "./load-context.ts";
import { composeError, composeNotFound } from "./positions.ts";
import { pathsOf } from "#compose/remote/remote-files.ts";
import { absoluteFrom } from "./relative-paths.ts";
import {
  isList,
  isMapping,
  type Mapping,
  type Position,
  sameTree,
  textOf,
  type Tree,
  withKey,
} from "./tree.ts";

type Load = (files: readonly SourceFile[], context: LoadContext) => Mapping;

/** Of files that include files. */
const MAX_DEPTH = 100;

const RESOURCES = ["services", "volumes", "networks", "secrets", "configs", "models"];

/**
 * Brings in what other files define, each read from its own folder with its own `.env`.
 *
 * @throws {InvalidArgumentError} They include each other in a circle, or define something that is there.
 */
export function applyIncludes(
  tree: Mapping,
  file: string,
  context: LoadContext,
  load: Load,
): Mapping {
  const includes = tree.get("include");
  const own = withKey(tree, "include", undefined);
  context.positions.inherit(own, tree);
  if (!isList(includes)) return own;
  let merged: Mapping = own;
  for (const [index, include] of includes.entries()) {
    const position = context.positions.of(includes, index);
    const wanted = readInclude(include, context, position);
    const [main = ""] = wanted.paths;
    const including = [...context.including, file];
    if (including.some((each) => absoluteFrom(process.cwd(), each) === main)) {
      const [first, ...rest] = [...including, main];
      const steps = rest.map((each) => `, include ${each}`).join("");
      throw composeError({ position, what: `include cycle detected: ${first}${steps}` });
    }
    if (including.length > MAX_DEPTH) {
      throw composeError({ position, what: `more than ${MAX_DEPTH} files include each other` });
    }
    const missing = wanted.paths.find((path) => !existsSync(path));
    if (missing !== undefined) {
      throw composeNotFound({ position, what: `open ${missing}: no such file or directory` });
    }
    const included = load(
      wanted.paths.map((path) => ({ path })),
      {
        ...context,
        workingDirectory: wanted.folder,
        environment: withEnvFiles(wanted, context, position),
        including,
      },
    );
    merged = withResources(merged, included, context, position);
  }
  return merged;
}

interface Include {
  /** Absolute; the first is the main file, the others go over it. */
  readonly paths: readonly string[];
  readonly folder: string;
  readonly envFiles: readonly string[] | undefined;
}

function readInclude(tree: Tree, context: LoadContext, position: Position | undefined): Include {
  const texts = (value: Tree | undefined): readonly string[] => {
    if (value === undefined || value === null) return [];
    return (isList(value) ? value : [value]).map(textOf);
  };
  const from = (path: string): string => absoluteFrom(context.workingDirectory, path);
  const fields: Mapping = isMapping(tree) ? tree : new Map([["path", tree]]);
  const paths = texts(fields.get("path"))
    .flatMap((path) => pathsOf(path, "include", context.remotes, position))
    .map(from);
  const [folder] = texts(fields.get("project_directory"));
  return {
    paths,
    folder: folder === undefined ? dirname(paths[0] ?? ".") : from(folder),
    envFiles: fields.has("env_file") ? texts(fields.get("env_file")).map(from) : undefined,
  };
}

/** What is set outside wins over the included file's own `.env`. */
function withEnvFiles(
  { envFiles, folder }: Include,
  context: LoadContext,
  position: Position | undefined,
): ReadonlyMap<string, string> {
  const usual = join(folder, ".env");
  const isThere = existsSync(usual) && !statSync(usual).isDirectory();
  const found = new Map<string, string>();
  for (const file of envFiles ?? (isThere ? [usual] : [])) {
    if (!existsSync(file)) {
      throw composeNotFound({ position, what: `env file ${file} not found` });
    }
    const read = parseDotenv(textOfFile(context.readBytes(file)), {
      file,
      lookUp: (name) => context.environment.get(name),
    });
    for (const [name, value] of read) if (value !== undefined) found.set(name, value);
  }
  return new Map([...found, ...context.environment]);
}

function withResources(
  tree: Mapping,
  included: Mapping,
  context: LoadContext,
  position: Position | undefined,
): Mapping {
  let merged = tree;
  for (const kind of RESOURCES) {
    const added = included.get(kind);
    if (!isMapping(added)) continue;
    const there = merged.get(kind);
    const before: Mapping = isMapping(there) ? there : new Map();
    for (const [name, value] of added) {
      if (!before.has(name) || sameTree(before.get(name), value)) continue;
      throw composeError({
        position: context.positions.of(before, name) ?? position,
        what: `${kind}.${name} conflicts with imported resource`,
      });
    }
    const both = new Map([...added, ...before]);
    context.positions.inherit(both, added, before);
    const next = withKey(merged, kind, both);
    context.positions.inherit(next, merged);
    merged = next;
  }
  return merged;
}
