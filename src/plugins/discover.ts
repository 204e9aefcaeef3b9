import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type PluginAddress, parsePluginAddress, parsePluginJson } from "./address.ts";

/**
 * Legacy plugins are found by files named after them, `NAME.sock`, `NAME.spec` (an address) or `NAME.json` (an address
 * with TLS), each in the folder itself or in a folder of the plugin's name in it. Sockets come before the
 * other two, earlier folders before later ones. Nothing is kept: a plugin that starts later is found.
 *
 * @see Docker Engine plugin API, "Plugin discovery".
 */
const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const SOCKET = ".sock";
const SPECS = [".spec", ".json"];

function isSocket(path: string): boolean {
  try {
    return statSync(path).isSocket();
  } catch {
    return false; // not there, or not to be looked at: either way none that can be used
  }
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function places(folder: string, name: string, extension: string): readonly string[] {
  return [join(folder, name + extension), join(folder, name, name + extension)];
}

/**
 * @returns Undefined where no folder knows it; also for what is no plugin's name, so that no name leads out.
 * @throws {InvalidArgumentError} Its file cannot be understood.
 */
export function findPluginAddress(
  folders: readonly string[],
  name: string,
): PluginAddress | undefined {
  if (!NAME_PATTERN.test(name)) return undefined;
  for (const path of folders.flatMap((folder) => places(folder, name, SOCKET))) {
    if (isSocket(path)) return { kind: "unix", path };
  }
  for (const folder of folders) {
    for (const extension of SPECS) {
      for (const path of places(folder, name, extension)) {
        if (isFile(path)) return readSpec(name, path);
      }
    }
  }
  return undefined;
}

function readSpec(name: string, path: string): PluginAddress {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new InvalidArgumentError(
      `Cannot read the file of plugin ${JSON.stringify(name)}: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return path.endsWith(".json")
    ? parsePluginJson(name, text)
    : parsePluginAddress(name, text, undefined);
}

/** Names of all that the folders hold, in alphabetical order. */
export function listPluginNames(folders: readonly string[]): readonly string[] {
  const names = new Set<string>();
  for (const folder of folders) {
    for (const entry of readFolder(folder)) {
      const name = nameOf(folder, entry);
      if (name !== undefined && NAME_PATTERN.test(name)) names.add(name);
    }
  }
  return [...names].sort();
}

function readFolder(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // most hosts have none of these folders
  }
}

function nameOf(folder: string, entry: Dirent): string | undefined {
  const path = join(folder, entry.name);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (!kind) return undefined;
  if (kind.isDirectory()) {
    const inner = join(path, entry.name);
    const isPlugins = isSocket(inner + SOCKET) || SPECS.some((spec) => isFile(inner + spec));
    return isPlugins ? entry.name : undefined;
  }
  if (entry.name.endsWith(SOCKET)) {
    return kind.isSocket() ? entry.name.slice(0, -SOCKET.length) : undefined;
  }
  const extension = SPECS.find((spec) => entry.name.endsWith(spec));
  return extension && entry.name.slice(0, -extension.length);
}
