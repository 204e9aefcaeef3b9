import { homedir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { fetchGitFile } from "#compose/remote/fetch-git.ts";
import { parseGitReference } from "#compose/remote/git-reference.ts";
import { fetchPublishedFiles } from "./published-files.ts";

const GIT_SWITCH = "COMPOSE_EXPERIMENTAL_GIT_REMOTE";
const OCI_SWITCH = "COMPOSE_EXPERIMENTAL_OCI_REMOTE";

/**
 * Fetches Compose files that are elsewhere, into the user's cache: where docker compose keeps Git's.
 *
 * @param insecure Registries that are asked without TLS.
 * @returns Their paths, the main one first.
 * @throws {UnsupportedError} The user has turned that off. {NotFoundError} There is none.
 */
export async function fetchRemote(
  cli: Cli,
  reference: string,
  insecure: readonly string[],
): Promise<readonly string[]> {
  const git = parseGitReference(reference);
  if (git === undefined) {
    checkSwitch(cli, "oci", OCI_SWITCH);
    return await fetchPublishedFiles(cli, reference, insecure);
  }
  checkSwitch(cli, "git", GIT_SWITCH);
  const environment = new Map(
    Object.entries(cli.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const cache = join(cli.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "docker-compose");
  return [await fetchGitFile(git, reference, { environment, cache })];
}

function checkSwitch({ env }: Cli, what: string, name: string): void {
  const value = env[name] ?? "";
  if (/^(?:|1|t|T|true|TRUE|True)$/.test(value)) return;
  if (!/^(?:0|f|F|false|FALSE|False)$/.test(value)) {
    throw new InvalidArgumentError(
      `${name} environment variable expects boolean value: ${JSON.stringify(value)}`,
    );
  }
  throw new UnsupportedError(`${what} remote resource is disabled by ${JSON.stringify(name)}`);
}
