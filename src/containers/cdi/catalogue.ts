import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/errors.ts";
import { type CdiDevice, type CdiSpec, parseCdiSpec } from "./spec.ts";

const MAX_FILE_BYTES = 4 * 1024 * 1024;

/** A device with the file that it is from. */
export interface CataloguedDevice {
  readonly device: CdiDevice;
  readonly spec: CdiSpec;
}

/** What the folders of specifications hold. */
export interface CdiCatalogue {
  /** By qualified name. */
  readonly devices: ReadonlyMap<string, CataloguedDevice>;
  /** A sentence for each file that is left out, and each name that two files of a folder claim. */
  readonly problems: readonly string[];
}

/**
 * Reads all folders. A device of a later folder takes the place of one of an earlier; two of one folder make
 * the name unusable.
 */
export function readCatalogue(directories: readonly string[]): CdiCatalogue {
  const devices = new Map<string, CataloguedDevice>();
  const problems: string[] = [];
  for (const directory of directories) {
    const found = new Map<string, string>();
    for (const path of filesIn(directory)) {
      const spec = tryReadSpec(path, problems);
      for (const device of spec?.devices ?? []) {
        const name = `${spec?.kind}=${device.name}`;
        const other = found.get(name);
        if (other !== undefined) {
          problems.push(`CDI device ${name} is left out: ${other} and ${path} both have it`);
          devices.delete(name);
        } else if (spec) {
          devices.set(name, { device, spec });
        }
        found.set(name, path);
      }
    }
  }
  return { devices, problems };
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => /\.(?:json|yaml)$/.test(name))
      .sort()
      .map((name) => join(directory, name));
  } catch {
    return []; // most hosts have none of the folders
  }
}

function tryReadSpec(path: string, problems: string[]): CdiSpec | undefined {
  try {
    const stats = statSync(path);
    const problem = problemOf(stats);
    if (problem === undefined) {
      return parseCdiSpec(readFileSync(path, "utf8"), path.endsWith(".json") ? "json" : "yaml");
    }
    problems.push(`CDI specification ${path} is left out: ${problem}`);
  } catch (error) {
    problems.push(`CDI specification ${path} is left out: ${messageOf(error)}`);
  }
  return undefined;
}

/** Its hooks run as root on the host: who may write the file is root there. */
function problemOf(stats: Stats): string | undefined {
  if (!stats.isFile()) return "it is no file";
  if ((stats.mode & 0o002) !== 0) return "everybody may write to it";
  return stats.size > MAX_FILE_BYTES ? "it is larger than 4 MiB" : undefined;
}
