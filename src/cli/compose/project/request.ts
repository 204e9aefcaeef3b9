import { UnsupportedError } from "#base/errors.ts";
import { readText } from "#compose/file/read-text.ts";
import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command.ts";
import { textFlag, textsFlag } from "./group-flags.ts";
import type { ProjectRequest } from "#compose/open-project.ts";

/** What the flags between `compose` and the command say of the project, over the environment. */
export function projectRequest(cli: Cli, flags: GroupFlags): ProjectRequest {
  const environment = new Map(
    Object.entries(cli.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  for (const name of ["insecure-registry", "verbose"]) {
    if (flags.given.has(name)) throw new UnsupportedError(`--${name}: not in this version yet`);
  }
  const envFiles = textsFlag(flags, "env-file");
  const named = (environment.get("COMPOSE_ENV_FILES") ?? "").split(",");
  return {
    files: textsFlag(flags, "file"),
    envFiles: envFiles.length > 0 ? envFiles : named.filter((file) => file !== ""),
    profiles: textsFlag(flags, "profile"),
    projectName: textFlag(flags, "project-name") ?? environment.get("COMPOSE_PROJECT_NAME"),
    projectDirectory: textFlag(flags, "project-directory") ?? textFlag(flags, "workdir"),
    directory: process.cwd(),
    isCompatible: flags.given.has("compatibility")
      ? flags.values["compatibility"] === true
      : ["1", "true"].includes(environment.get("COMPOSE_COMPATIBILITY") ?? ""),
    environment,
    readStandardInput: () => readText(0),
    warn: (message) => cli.errors.write(`WARNING: ${message}\n`),
  };
}
