import { machine, type as system } from "node:os";
import type { Definition } from "#bake/definition/target.ts";
import { type Resolved, resolveTargets } from "#bake/targets/resolve.ts";
import type { Environment } from "#cli/command/globals.ts";
import { formatPlatform, hostPlatform } from "#spec/platform.ts";
import { type BakeFlags, overridesOf, parseVariables } from "./flags.ts";
import { definitionOf, readFiles, type ReadRequest } from "./read-files.ts";

/** What the user typed, and where. */
export interface BakeRequest {
  readonly flags: BakeFlags;
  readonly isSet: (name: string) => boolean;
  /** Targets, groups and patterns. */
  readonly names: readonly string[];
  readonly env: Environment;
  readonly directory: string;
  readonly readStandardInput: () => string;
  readonly warn: (message: string) => void;
}

/** @throws {DefinitionError} With the place in a file. {NotFoundError} There is no file. */
export function openDefinition(request: BakeRequest): Definition {
  const read = readRequest(request);
  return definitionOf(readFiles(read), read);
}

/** @throws {NotFoundError} A target that there is not. {InvalidArgumentError} A wrong `--set`. */
export function planTargets(definition: Definition, request: BakeRequest): Resolved {
  const { flags, isSet, names, env } = request;
  const resolved = resolveTargets(definition, {
    names: names.length > 0 ? names : ["default"],
    overrides: overridesOf(flags, isSet),
    environment: (name) => env[name],
  });
  return withSourceDate(resolved, env["SOURCE_DATE_EPOCH"]);
}

function readRequest({ flags, env, directory, readStandardInput, warn }: BakeRequest): ReadRequest {
  const given = Object.entries(env).flatMap(([name, value]): readonly [string, string][] =>
    value === undefined ? [] : [[name, value]],
  );
  const separator = env["BUILDX_BAKE_PATH_SEPARATOR"] || ":";
  const named = (env["BUILDX_BAKE_FILE"] ?? "").split(separator).map((name) => name.trim());
  return {
    names: flags.file.length > 0 ? flags.file : named.filter((name) => name !== ""),
    directory,
    readStandardInput,
    environment: new Map([...given, ...parseVariables(flags.var)]),
    builtIn: new Map([
      ["BAKE_CMD_CONTEXT", "cwd://"],
      ["BAKE_LOCAL_PLATFORM", formatPlatform(hostPlatform(system(), machine()))],
    ]),
    warn,
  };
}

/** `SOURCE_DATE_EPOCH` of the environment, for targets that do not say it themselves. */
function withSourceDate(resolved: Resolved, epoch: string | undefined): Resolved {
  if (epoch === undefined || epoch === "") return resolved;
  return {
    ...resolved,
    targets: new Map(
      [...resolved.targets].map(([name, target]) => {
        const args = { SOURCE_DATE_EPOCH: epoch, ...target.fields.args };
        return [name, { ...target, fields: { ...target.fields, args } }];
      }),
    ),
  };
}
