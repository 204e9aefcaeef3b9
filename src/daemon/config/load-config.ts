import { readFileSync } from "node:fs";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type EngineConfig, toEngineConfig } from "./engine-config.ts";
import { mergeValues, parseConfigFile } from "./config-file.ts";
import { type DaemonOption } from "./options.ts";
import { type OptionValues, parseDaemonFlags } from "./parse-flags.ts";

const DEFAULT_CONFIG_FILE = "/etc/wharf/daemon.json";

/** What the command line asks for. */
export type DaemonRequest =
  | { readonly kind: "help" | "version" }
  | {
      readonly kind: "validate" | "run";
      readonly config: EngineConfig;
      readonly flags: OptionValues;
    };

function isOn(values: OptionValues, flag: string): boolean {
  for (const [option, value] of values) {
    if (option.flag === flag) return value.kind === "boolean" && value.value;
  }
  return false;
}

function configPath(flags: OptionValues): { readonly path: string; readonly isNamed: boolean } {
  const named = [...flags].find(
    ([option]: readonly [DaemonOption, unknown]) => option.flag === "config-file",
  );
  if (named?.[1].kind === "string") return { path: named[1].value, isNamed: true };
  return { path: DEFAULT_CONFIG_FILE, isNamed: false };
}

function readConfigText(path: string, isNamed: boolean): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isMissing && !isNamed) return "";
    const reason = isMissing ? `open ${path}: no such file or directory` : messageOf(error);
    throw new InvalidArgumentError(reason, { cause: error });
  }
}

/**
 * Joins flags with the configuration file, as at start and on SIGHUP.
 *
 * @throws {InvalidArgumentError} Naming the file.
 */
export function loadConfig(flags: OptionValues, home: string): EngineConfig {
  const { path, isNamed } = configPath(flags);
  try {
    const file = parseConfigFile(readConfigText(path, isNamed));
    return toEngineConfig(mergeValues(flags, file), home, process.env);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(
      `unable to configure the Wharf daemon with file ${path}: ${error.message}`,
      { cause: error },
    );
  }
}

/** @throws {InvalidArgumentError} What is wrong with the flags or the file. */
export function readDaemonRequest(words: readonly string[], home: string): DaemonRequest {
  const flags = parseDaemonFlags(words);
  if (isOn(flags, "help")) return { kind: "help" };
  if (isOn(flags, "version")) return { kind: "version" };
  return {
    kind: isOn(flags, "validate") ? "validate" : "run",
    config: loadConfig(flags, home),
    flags,
  };
}
