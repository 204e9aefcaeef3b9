import { decodeText } from "#compose/file/decode-text.ts";
import { onceEach, readBytes } from "#compose/file/read-text.ts";
import type { Cli } from "#cli/cli.ts";
import type { GroupFlags } from "#cli/command/command.ts";
import { textFlag, textsFlag } from "./group-flags.ts";
import { fetchRemote } from "./remote-files.ts";
import type { FetchingRequest } from "#compose/open-project.ts";

/** What the flags between `compose` and the command say of the project, over the environment. */
export function projectRequest(cli: Cli, flags: GroupFlags): FetchingRequest {
  const environment = new Map(
    Object.entries(cli.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const envFiles = textsFlag(flags, "env-file");
  const insecure = textsFlag(flags, "insecure-registry");
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
    readBytes: onceEach(),
    readStandardInput: () => decodeText(readBytes(0), "-"),
    fetchRemote: (reference) => fetchRemote(cli, reference, insecure),
    warn: (message) => cli.errors.write(`WARNING: ${message}\n`),
  };
}
