import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { NotFoundError } from "#base/errors.ts";
import { COMPOSE_FILES } from "#compose/find-files.ts";
import { checkOutGit, type GitFetching, pathInCheckout } from "./check-out-git.ts";
import type { GitReference } from "./git-reference.ts";

/**
 * Fetches one commit of a repository, unless it is here.
 *
 * @param said What the user or a file calls it, for messages.
 * @returns The path of the Compose file in it.
 * @throws As `checkOutGit`. {NotFoundError} There is no such file.
 */
export async function fetchGitFile(
  reference: GitReference,
  said: string,
  fetching: GitFetching,
): Promise<string> {
  const folder = await checkOutGit(reference, said, fetching);
  return composeFileIn(folder, reference, said);
}

function composeFileIn(folder: string, { path }: GitReference, said: string): string {
  const asked = pathInCheckout(folder, path, said);
  if (!statSync(asked).isDirectory()) return asked;
  const found = COMPOSE_FILES.find((name) => existsSync(join(asked, name)));
  if (found !== undefined) return pathInCheckout(folder, join(path, found), said);
  throw new NotFoundError(`${said}: the repository has no ${COMPOSE_FILES.join(", ")}`);
}
