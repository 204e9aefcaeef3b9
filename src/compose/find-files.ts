import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { pathsOf, type RemoteFiles } from "./remote/remote-files.ts";

/** Names that are looked for, in this order. */
export const COMPOSE_FILES: readonly string[] = [
  "compose.yaml",
  "compose.yml",
  "docker-compose.yml",
  "docker-compose.yaml",
];
const OVERRIDES = [
  "compose.override.yml",
  "compose.override.yaml",
  "docker-compose.override.yml",
  "docker-compose.override.yaml",
];

export interface FoundFiles {
  /** Absolute; `-` is standard input. */
  readonly files: readonly string[];
  /** Of the first file, or as asked. */
  readonly projectDirectory: string;
}

/**
 * The Compose files that are meant: those asked for, else the first known name from `directory` upwards with
 * the override beside it.
 *
 * @throws {NotFoundError} There is none, or one that was asked for is missing.
 */
export function findComposeFiles(
  asked: readonly string[],
  directory: string,
  projectDirectory: string | undefined,
  warn: (message: string) => void,
  remotes: RemoteFiles = new Map(),
): FoundFiles {
  const given = projectDirectory === undefined ? undefined : resolve(directory, projectDirectory);
  if (asked.length > 0) {
    const here = asked.flatMap((file) => pathsOf(file, "-f", remotes));
    const files = here.map((file) => (file === "-" ? file : resolve(directory, file)));
    for (const file of files) {
      if (file === "-" || existsSync(file)) continue;
      throw new NotFoundError(`open ${file}: no such file or directory`);
    }
    const [first = "-"] = files;
    return { files, projectDirectory: given ?? (first === "-" ? directory : dirname(first)) };
  }
  const start = given ?? directory;
  for (let folder = start; ; folder = dirname(folder)) {
    const there = COMPOSE_FILES.filter((name) => existsSync(join(folder, name)));
    const [name, ...others] = there;
    if (name !== undefined) {
      const main = join(folder, name);
      if (others.length > 0) {
        const all = there.map((each) => join(folder, each)).join(", ");
        warn(`Found multiple config files with supported names: ${all}`);
        warn(`Using ${main}`);
      }
      const override = OVERRIDES.map((each) => join(folder, each)).find((each) => existsSync(each));
      return {
        files: override === undefined ? [main] : [main, override],
        projectDirectory: given ?? folder,
      };
    }
    if (dirname(folder) === folder) break;
  }
  throw new NotFoundError(
    `no configuration file provided: not found: no ${COMPOSE_FILES.join(", ")} in ${start} or a folder above it; name one with -f`,
  );
}

/** `COMPOSE_FILE`: paths between COMPOSE_PATH_SEPARATOR, `:` unless said. */
export function splitPaths(value: string, separator: string | undefined): readonly string[] {
  const mark = separator === undefined || separator === "" ? ":" : separator;
  if (value.includes("\n")) throw new InvalidArgumentError("COMPOSE_FILE holds a line break");
  return value.split(mark).filter((path) => path !== "");
}
