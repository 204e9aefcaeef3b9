import { accessSync, constants, statSync } from "node:fs";
import { delimiter, isAbsolute, join, resolve } from "node:path";

/** @returns The path of the Docker CLI plugin `docker-NAME`; undefined where no folder has it. */
export function findPlugin(name: string, folders: readonly string[]): string | undefined {
  if (!/^[a-z][a-z0-9]*$/.test(name)) return undefined; // so Docker names plugins
  return folders.map((folder) => join(folder, `docker-${name}`)).find(isProgram);
}

/** @param searchPath Folders between colons; a name with a slash is a path already. */
export function findOnPath(
  name: string,
  { searchPath, folder }: { readonly searchPath: string; readonly folder: string },
): string | undefined {
  if (name.includes("/")) {
    const path = resolve(folder, name);
    return isProgram(path) ? path : undefined;
  }
  return searchPath
    .split(delimiter)
    .filter((each) => isAbsolute(each))
    .map((each) => join(each, name))
    .find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false; // not there, or none of ours
  }
}
