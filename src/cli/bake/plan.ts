import { machine, type as system } from "node:os";
import type { Definition } from "#bake/definition/target.ts";
import { builtFields, shownFields } from "#bake/targets/remote-places.ts";
import { LOCAL_PREFIX, type Resolved, resolveTargets } from "#bake/targets/resolve.ts";
import type { Environment } from "#cli/command/globals.ts";
import { formatPlatform, hostPlatform } from "#spec/platform.ts";
import { type BakeFlags, overridesOf, parseVariables } from "./flags.ts";
import type { RemoteDefinition } from "./remote-definition.ts";
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
  readonly remote?: RemoteDefinition | undefined;
  /** A URL instead of the folder here, for definitions that are elsewhere. */
  readonly commandContext?: string | undefined;
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
    keepsLocalPrefix: request.remote?.kind === "tree",
  });
  return withSourceDate(resolved, env["SOURCE_DATE_EPOCH"]);
}

/** With the places that targets of a repository mean: to be shown, or to be built from. */
export function placeTargets(
  resolved: Resolved,
  { remote, directory }: Pick<BakeRequest, "remote" | "directory">,
  use: "show" | "build",
): Resolved {
  if (remote?.kind !== "tree") return resolved;
  const targets = [...resolved.targets].map(([name, target]) => {
    const { fields } = target;
    const placed =
      use === "show" ? shownFields(fields, remote) : builtFields(fields, remote, directory);
    return [name, { ...target, fields: placed }] as const;
  });
  return { ...resolved, targets: new Map(targets) };
}

function readRequest(request: BakeRequest): ReadRequest {
  const { flags, env, directory, readStandardInput, warn, remote, commandContext } = request;
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
      ["BAKE_CMD_CONTEXT", commandContext ?? LOCAL_PREFIX],
      ["BAKE_LOCAL_PLATFORM", formatPlatform(hostPlatform(system(), machine()))],
    ]),
    warn,
    remote,
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
