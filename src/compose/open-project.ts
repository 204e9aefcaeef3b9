import { existsSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import { parseDotenv, textOfFile } from "./file/dotenv.ts";
import { findComposeFiles, splitPaths } from "./find-files.ts";
import type { ReadBytes } from "./file/read-text.ts";
import { parseGitReference } from "./remote/git-reference.ts";
import { RemoteFileError, type RemoteFiles } from "./remote/remote-files.ts";
import type { Mapping } from "./file/tree.ts";
import { loadProject, loadProjectTree, type LoadRequest } from "./load-project.ts";
import type { Project } from "./model/project.ts";

/** What the user says about the project: flags, over the environment, over `.env`. */
export interface ProjectRequest {
  readonly files: readonly string[];
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
  readonly projectName: string | undefined;
  readonly projectDirectory: string | undefined;
  readonly directory: string;
  /** Names as the first Compose made them: `project_web_1`. */
  readonly isCompatible: boolean;
  readonly environment: ReadonlyMap<string, string>;
  readonly readBytes: ReadBytes;
  /** What of other places has been fetched. */
  readonly remotes?: RemoteFiles;
  /** Content of `-f -`. */
  readonly readStandardInput: () => string;
  readonly warn: (message: string) => void;
}

type LoadOptions = Pick<
  LoadRequest,
  | "services"
  | "isInterpolated"
  | "isNormalized"
  | "isConsistent"
  | "resolvesEnvironment"
  | "keepsRelativePaths"
  | "onVariable"
>;

/**
 * Finds and reads the project that the user means.
 *
 * @throws {NotFoundError} There are no Compose files. {InvalidArgumentError} Pointing into a file.
 */
export function openLocalProject(request: ProjectRequest, options: LoadOptions = {}): Project {
  const project = loadProject(toLoadRequest(request, options));
  return request.isCompatible ? { ...project, separator: "_" } : project;
}

/** Its merged files as they are. */
export function openLocalTree(request: ProjectRequest, options: LoadOptions = {}): Mapping {
  return loadProjectTree(toLoadRequest(request, options));
}

export interface FetchingRequest extends ProjectRequest {
  /** @returns Paths of its Compose files, once they are here; the first is the main one. */
  readonly fetchRemote: (reference: string) => Promise<readonly string[]>;
}

/** The same as `openLocalProject`, where files may be elsewhere: they are fetched as they turn up. */
export async function openProject(
  request: FetchingRequest,
  options: LoadOptions = {},
): Promise<Project> {
  return await withFetched(request, (known) => openLocalProject(known, options));
}

export async function openProjectTree(
  request: FetchingRequest,
  options: LoadOptions = {},
): Promise<Mapping> {
  return await withFetched(request, (known) => openLocalTree(known, options));
}

/** Of places that files name in turn. */
const MAX_FETCHES = 100;

async function withFetched<T>(
  request: FetchingRequest,
  open: (known: ProjectRequest) => T,
): Promise<T> {
  const remotes = new Map<string, readonly string[]>();
  for (;;) {
    try {
      return open({ ...request, remotes });
    } catch (error) {
      if (!(error instanceof RemoteFileError) || remotes.size >= MAX_FETCHES) throw error;
      remotes.set(error.reference, await request.fetchRemote(error.reference));
    }
  }
}

function toLoadRequest(request: ProjectRequest, options: LoadOptions): LoadRequest {
  const { directory, environment, warn } = request;
  const nearby = findEnvironment(request, request.projectDirectory ?? directory);
  const asked =
    request.files.length > 0
      ? request.files
      : splitPaths(nearby.get("COMPOSE_FILE") ?? "", nearby.get("COMPOSE_PATH_SEPARATOR"));
  const { remotes = new Map() } = request;
  const found = findComposeFiles(asked, directory, request.projectDirectory, warn, remotes);
  const merged = new Map([...findEnvironment(request, found.projectDirectory), ...environment]);
  const profiles =
    request.profiles.length > 0
      ? request.profiles
      : (merged.get("COMPOSE_PROFILES") ?? "").split(",").filter((name) => name !== "");
  return {
    ...options,
    files: found.files.map((path) =>
      path === "-" ? { path, content: request.readStandardInput() } : { path },
    ),
    readBytes: request.readBytes,
    remotes,
    workingDirectory: found.projectDirectory,
    // a checkout's folder is called by its commit
    ...(parseGitReference(asked[0] ?? "") === undefined ? {} : { namedAfter: directory }),
    environment: merged,
    projectName: request.projectName ?? merged.get("COMPOSE_PROJECT_NAME"),
    profiles,
    warn,
  };
}

/** The user's environment over the env files: those asked for, else `.env` in the folder. */
function findEnvironment(
  { envFiles, environment, directory, readBytes }: ProjectRequest,
  folder: string,
): ReadonlyMap<string, string> {
  const usual = join(resolve(directory, folder), ".env");
  const asked = envFiles.map((file) => resolve(directory, file));
  const isUsual = asked.length === 0 && existsSync(usual) && !statSync(usual).isDirectory();
  const merged = new Map<string, string>();
  for (const file of isUsual ? [usual] : asked) {
    if (!existsSync(file)) throw new NotFoundError(`couldn't find env file: ${file}`);
    const read = parseDotenv(textOfFile(readBytes(file)), {
      file,
      lookUp: (name) => environment.get(name),
    });
    for (const [name, value] of read) if (value !== undefined) merged.set(name, value);
  }
  for (const [name, value] of environment) merged.set(name, value);
  return merged;
}
