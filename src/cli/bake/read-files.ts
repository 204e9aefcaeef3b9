import { existsSync, readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Definition } from "#bake/definition/target.ts";
import { readDefinition } from "#bake/definition/read-definition.ts";
import type { SourceFile } from "#bake/hcl/source.ts";
import {
  InvalidArgumentError,
  messageOf,
  NotFoundError,
  PermissionDeniedError,
} from "#base/errors.ts";
import { isMapping, treeAt } from "#compose/file/tree.ts";
import { onceEach, type ReadBytes } from "#compose/file/read-text.ts";
import { openLocalProject, openLocalTree, type ProjectRequest } from "#compose/open-project.ts";
import { pathInCheckout } from "#compose/remote/check-out-git.ts";
import type { RemoteTree } from "#bake/targets/remote-places.ts";
import { LOCAL_PREFIX } from "#bake/targets/resolve.ts";
import type { RemoteDefinition } from "./remote-definition.ts";
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
  readonly remote?: RemoteDefinition | undefined;
}

/** @property path What Compose's reader finds it by, where that is not its name. */
interface BakeFile extends SourceFile {
  readonly path?: string;
}

/** @throws {NotFoundError} None of the usual files is there, or one that was named is not. */
export function readFiles(request: ReadRequest): readonly BakeFile[] {
  const { names, remote } = request;
  if (!remote) return readLocalFiles(request);
  const local = names.filter((name) => name.startsWith(LOCAL_PREFIX));
  const there = names.filter((name) => !local.includes(name));
  const files = remote.kind === "file" ? [fileAlone(remote)] : readTree(remote, there);
  if (local.length > 0) return [...files, ...readLocalFiles({ ...request, names: local })];
  if (files.length > 0) return files;
  throw new NotFoundError("couldn't find a bake definition");
}

function fileAlone({ name, text }: { readonly name: string; readonly text: string }): BakeFile {
  return { name, text, path: "-" };
}

/** @param names Of files in it; none for the usual ones. */
function readTree({ folder, url }: RemoteTree, names: readonly string[]): readonly BakeFile[] {
  return (names.length > 0 ? names : USUAL_NAMES).flatMap((name): readonly BakeFile[] => {
    const isThere = existsSync(join(folder, name));
    if (!isThere && names.length === 0) return [];
    if (!isThere) throw new NotFoundError(`lstat ${name}: no such file or directory`);
    const path = pathInCheckout(folder, name, url);
    if (!statSync(path).isFile()) throw new InvalidArgumentError(`read ${name}: is no file`);
    return [{ name, text: readFileSync(path, "utf8"), path }];
  });
}

function readLocalFiles({ names, directory, readStandardInput }: ReadRequest): readonly BakeFile[] {
  const files = (names.length > 0 ? names : USUAL_NAMES).flatMap((name): readonly BakeFile[] => {
    if (name === "-") return [{ name: "-", text: readStandardInput() }];
    const path = name.startsWith(LOCAL_PREFIX) ? name.slice(LOCAL_PREFIX.length) : name;
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
export function definitionOf(files: readonly BakeFile[], request: ReadRequest): Definition {
  const { environment, builtIn } = request;
  const compose = files.filter((file) => isCompose(file, request));
  return readDefinition({
    files: files.filter((file) => !compose.includes(file)),
    builtIn,
    environment: (name) => environment.get(name),
    base: compose.length > 0 ? readCompose(compose, request) : { targets: [], groups: [] },
  });
}

function isCompose(file: BakeFile, request: ReadRequest): boolean {
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

function foundBy({ path, name }: BakeFile): string {
  return path ?? name;
}

/** What the Compose file of somebody else has read is in his repository, or in the user's folder. */
function readingIn(remote: RemoteDefinition, directory: string): ReadBytes {
  const folders = [...(remote.kind === "tree" ? [remote.folder] : []), directory];
  const tops = folders.map((folder) => realpathSync(folder));
  const read = onceEach();
  return (path) => {
    const real = realpathSync(path);
    if (tops.some((top) => real.startsWith(`${top}/`))) return read(path);
    throw new PermissionDeniedError(`Cannot read ${path} for a definition that is elsewhere`);
  };
}

function readCompose(
  files: readonly BakeFile[],
  { environment, directory, warn, remote }: ReadRequest,
): Pick<Definition, "targets" | "groups"> {
  const project: ProjectRequest = {
    files: files.map(foundBy),
    envFiles: [],
    profiles: ["*"],
    projectName: environment.get("COMPOSE_PROJECT_NAME") ?? "bake",
    projectDirectory: remote?.kind === "tree" ? remote.folder : directory,
    directory,
    isCompatible: false,
    environment,
    readBytes: remote ? readingIn(remote, directory) : onceEach(),
    readStandardInput: () => files.find((file) => foundBy(file) === "-")?.text ?? "",
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
