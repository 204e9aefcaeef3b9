import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import type { Definition } from "#bake/definition/target.ts";
import { readDefinition } from "#bake/definition/read-definition.ts";
import type { SourceFile } from "#bake/hcl/source.ts";
import { InvalidArgumentError, messageOf, NotFoundError } from "#base/errors.ts";
import { isMapping, treeAt } from "#compose/file/tree.ts";
import { onceEach } from "#compose/file/read-text.ts";
import { openLocalProject, openLocalTree, type ProjectRequest } from "#compose/open-project.ts";
import { composeTargets } from "./compose-targets.ts";

/** Names that are read where the user names none, in this order; the later ones add to the earlier. */
const USUAL_NAMES = [
  "compose.yaml",
  "compose.yml",
  "docker-compose.yml",
  "docker-compose.yaml",
  "docker-bake.json",
  "docker-bake.hcl",
  "docker-bake.override.json",
  "docker-bake.override.hcl",
];

export interface ReadRequest {
  /** As the user named them, `-` for standard input; none for the usual ones. */
  readonly names: readonly string[];
  /** Absolute: paths are from here. */
  readonly directory: string;
  readonly readStandardInput: () => string;
  /** The user's variables over his environment. */
  readonly environment: ReadonlyMap<string, string>;
  readonly builtIn: ReadonlyMap<string, string>;
  readonly warn: (message: string) => void;
}

/** @throws {NotFoundError} None of the usual files is there, or one that was named is not. */
export function readFiles({
  names,
  directory,
  readStandardInput,
}: ReadRequest): readonly SourceFile[] {
  const files = (names.length > 0 ? names : USUAL_NAMES).flatMap((name): readonly SourceFile[] => {
    if (name === "-") return [{ name: "-", text: readStandardInput() }];
    const path = name.replace(/^cwd:\/\//, "");
    const whole = resolve(directory, path);
    const found = statSync(whole, { throwIfNoEntry: false });
    if (!found && names.length === 0) return [];
    if (!found) throw new NotFoundError(`open ${path}: no such file or directory`);
    if (found.isDirectory()) throw new InvalidArgumentError(`read ${path}: is a directory`);
    return [{ name: path, text: readFileSync(whole, "utf8") }];
  });
  if (files.length > 0) return files;
  throw new NotFoundError(
    `couldn't find a bake definition: there is none of ${USUAL_NAMES.join(", ")} here; name one with -f`,
  );
}

/** All files as one definition: Compose's targets first, HCL and JSON put to them. */
export function definitionOf(files: readonly SourceFile[], request: ReadRequest): Definition {
  const { environment, builtIn } = request;
  const compose = files.filter((file) => isCompose(file, request));
  return readDefinition({
    files: files.filter((file) => !compose.includes(file)),
    builtIn,
    environment: (name) => environment.get(name),
    base: compose.length > 0 ? readCompose(compose, request) : { targets: [], groups: [] },
  });
}

function isCompose(file: SourceFile, request: ReadRequest): boolean {
  const name = file.name.toLowerCase();
  if (/\.ya?ml$/.test(name)) return true;
  if (/\.(?:json|hcl)$/.test(name)) return false;
  try {
    readCompose([file], request);
    return true;
  } catch {
    return false; // what is no Compose file is HCL, which says what is wrong with it
  }
}

function readCompose(
  files: readonly SourceFile[],
  { environment, directory, warn }: ReadRequest,
): Pick<Definition, "targets" | "groups"> {
  const project: ProjectRequest = {
    files: files.map(({ name }) => name),
    envFiles: [],
    profiles: ["*"],
    projectName: environment.get("COMPOSE_PROJECT_NAME") ?? "bake",
    projectDirectory: directory,
    directory,
    isCompatible: false,
    environment,
    readBytes: onceEach(),
    readStandardInput: () => files.find(({ name }) => name === "-")?.text ?? "",
    warn,
  };
  const options = {
    isNormalized: false,
    keepsRelativePaths: true,
    isConsistent: false,
    resolvesEnvironment: false,
  };
  try {
    const tree = openLocalTree(project, options);
    if (!isMapping(tree.get("services"))) throw new InvalidArgumentError("there are no services");
    return composeTargets(openLocalProject(project, options), (service) =>
      treeAt(tree, ["services", service, "build", "x-bake"]),
    );
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`failed to parse compose file: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
