import { basename } from "node:path";
import { InvalidArgumentError } from "#base/errors.ts";
import { checkProject } from "./check-project.ts";
import { interpolate, type Variable } from "./file/interpolate.ts";
import type { LoadContext, SourceFile } from "./file/load-context.ts";
import { loadTree, readComposeFile } from "./file/load-tree.ts";
import { parseYaml } from "./file/parse-yaml.ts";
import { formatPosition, Positions, shortPath } from "./file/positions.ts";
import { onceEach, type ReadBytes } from "./file/read-text.ts";
import type { RemoteFiles } from "./remote/remote-files.ts";
import { isMapping, type Mapping, type Tree } from "./file/tree.ts";
import { fileObject, model, network, service, volume } from "./model/fields.ts";
import { type Kind, type Place, placeIn } from "./model/kinds.ts";
import type { Project } from "./model/project.ts";
import { normalize } from "./normalize.ts";
import { withEnvironment } from "./resolve-environment.ts";
import { withProfiles } from "./select-services.ts";

export interface LoadRequest {
  readonly files: readonly SourceFile[];
  readonly workingDirectory: string;
  /** The user's environment over the env files. */
  readonly environment: ReadonlyMap<string, string>;
  /** The folder that gives it its name where nothing else does, if that is another one. */
  readonly namedAfter?: string;
  /** As `-p` or COMPOSE_PROJECT_NAME says. */
  readonly projectName?: string | undefined;
  /** `*` for all. */
  readonly profiles: readonly string[];
  /** Services named on the command line: what they need is active with them. */
  readonly services?: readonly string[];
  readonly isInterpolated?: boolean;
  readonly isNormalized?: boolean;
  /** Whether what is referred to must be there. */
  readonly isConsistent?: boolean;
  readonly resolvesEnvironment?: boolean;
  readonly keepsRelativePaths?: boolean;
  readonly onVariable?: (variable: Variable) => void;
  /** By default each file is read once. */
  readonly readBytes?: ReadBytes;
  /** What of other places has been fetched. */
  readonly remotes?: RemoteFiles;
  /** Once a message. */
  readonly warn: (message: string) => void;
}

const PROJECT_NAME = /^[a-z0-9][a-z0-9_-]*$/;

/** Lower case; what may not stand in a project's name is left out. */
export function toProjectName(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");
}

/**
 * Reads Compose files into a project: all that `docker compose` knows of it before it acts.
 *
 * @throws {InvalidArgumentError} Something is wrong with a file, pointing at line and column.
 *   {NotFoundError} A file is not there.
 */
export function loadProject(request: LoadRequest): Project {
  const { tree, loaded, name, environment, positions } = readTree(request);
  const project = toProject(tree, { name, request, environment, positions, loaded });
  const selected = withProfiles(project, request.profiles, request.services ?? []);
  if (request.isConsistent ?? true) checkProject({ project: selected, tree: loaded, positions });
  return (request.resolvesEnvironment ?? true)
    ? withEnvironment(selected, request.readBytes ?? onceEach())
    : selected;
}

/** The merged files as they are, before anything is made of the values. */
export function loadProjectTree(request: LoadRequest): Mapping {
  const { tree, name } = readTree(request);
  return new Map([...tree, ["name", name]]);
}

interface ReadTree {
  readonly tree: Mapping;
  /** Before it was normalized: what positions are of. */
  readonly loaded: Mapping;
  readonly name: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly positions: Positions;
}

function readTree(request: LoadRequest): ReadTree {
  const { files, workingDirectory, isNormalized = true, readBytes = onceEach() } = request;
  const positions = new Positions();
  const said = new Set<string>();
  const warn = (message: string): void => {
    if (said.has(message)) return;
    said.add(message);
    request.warn(message);
  };
  const name = projectNameOf(request, positions, readBytes);
  const environment = new Map(request.environment).set("COMPOSE_PROJECT_NAME", name);
  const context: LoadContext = {
    workingDirectory,
    environment,
    positions,
    isInterpolated: request.isInterpolated ?? true,
    keepsRelativePaths: request.keepsRelativePaths ?? false,
    warn,
    readBytes,
    remotes: request.remotes ?? new Map(),
    ...(request.onVariable === undefined ? {} : { onVariable: request.onVariable }),
    including: [],
  };
  const loaded = loadTree(files, context);
  if (loaded.size === 0) throw new InvalidArgumentError("empty compose file");
  const folder = request.keepsRelativePaths ? "." : workingDirectory;
  const tree = isNormalized ? normalize(loaded, name, folder) : loaded;
  return { tree, loaded, name, environment, positions };
}

/** From `-p`, COMPOSE_PROJECT_NAME, the last file's `name`, or the folder. */
function projectNameOf(request: LoadRequest, positions: Positions, readBytes: ReadBytes): string {
  const { projectName, files, environment, workingDirectory, namedAfter } = request;
  if (projectName !== undefined && projectName !== "") {
    if (PROJECT_NAME.test(projectName)) return projectName;
    throw new InvalidArgumentError(
      `invalid project name "${projectName}": must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    );
  }
  let named: string | undefined;
  for (const { path, content } of files) {
    const text = content ?? readComposeFile(path, readBytes);
    if (!/^["']?name["']?\s*:/m.test(text)) continue;
    const name = nameIn(text, path, positions);
    if (name !== undefined) named = name;
  }
  const lookUp = (key: string): string | undefined => environment.get(key);
  const fromFile = toProjectName(interpolate(named ?? "", { lookUp, onUnset: () => {} }));
  const name = fromFile === "" ? toProjectName(basename(namedAfter ?? workingDirectory)) : fromFile;
  if (name !== "") return name;
  throw new InvalidArgumentError(
    `project name must not be empty: the folder ${shortPath(workingDirectory)} gives none; name it with -p or by the key name`,
  );
}

function nameIn(text: string, path: string, positions: Positions): string | undefined {
  for (const { tree } of parseYaml(text, path, positions)) {
    const name = isMapping(tree) ? tree.get("name") : undefined;
    if (typeof name === "string") return name;
  }
  return undefined;
}

interface Surroundings {
  readonly name: string;
  /** What positions are of. */
  readonly loaded: Mapping;
  readonly request: LoadRequest;
  readonly environment: ReadonlyMap<string, string>;
  readonly positions: Positions;
}

function toProject(tree: Mapping, surroundings: Surroundings): Project {
  const { name, request, environment, positions } = surroundings;
  const place = placeIn(surroundings.loaded, positions);
  const read = <T>(key: string, kind: Kind<T>): ReadonlyMap<string, T> => {
    const section = tree.get(key);
    if (!isMapping(section)) return new Map();
    return new Map(
      [...section].map(([each, value]) => [
        each,
        kind.read(value, { ...place, path: [key, each] } satisfies Place),
      ]),
    );
  };
  return {
    name,
    workingDirectory: request.workingDirectory,
    files: request.files.map(({ path }) => path),
    environment,
    services: read("services", service),
    disabledServices: new Map(),
    networks: read("networks", network),
    volumes: read("volumes", volume),
    secrets: read("secrets", fileObject),
    configs: read("configs", fileObject),
    models: read("models", model),
    extensions: new Map<string, Tree>([...tree].filter(([key]) => key.startsWith("x-"))),
    locate: (path) => {
      const position = positions.find(surroundings.loaded, path);
      return position === undefined ? "" : `${formatPosition(position)}: `;
    },
  };
}
