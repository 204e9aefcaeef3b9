import { existsSync, mkdirSync, realpathSync, renameSync, rmSync } from "node:fs";
import { join, sep } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { findOnPath } from "#compose/outside/find-program.ts";
import { runProgram } from "#compose/outside/run-program.ts";
import type { GitReference } from "./git-reference.ts";

export interface GitFetching {
  /** The user's. */
  readonly environment: ReadonlyMap<string, string>;
  /** Where checkouts are kept, a folder for each commit. */
  readonly cache: string;
}

const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Fetches one commit of a repository, unless it is here, by the user's `git` and its credentials; nothing asks for a
 * password.
 *
 * @param said What the user or a file calls it, for messages.
 * @returns The checkout, which stays for others.
 * @throws {NotFoundError} The repository has no such ref. {FailedPreconditionError} It cannot be reached, or there is no
 *   `git`.
 */
export async function checkOutGit(
  reference: GitReference,
  said: string,
  fetching: GitFetching,
): Promise<string> {
  const git = openGit(said, fetching);
  const commit = await resolveCommit(reference, said, git);
  const folder = join(fetching.cache, commit);
  if (!(await isCheckout(folder, commit, git))) {
    const fresh = `${folder}.${process.pid}`;
    mkdirSync(fresh, { recursive: true, mode: 0o700 });
    try {
      await git(["init", "--quiet"], fresh);
      await git(["fetch", "--quiet", "--depth=1", "--", reference.remote, commit], fresh);
      await git(["checkout", "--quiet", commit], fresh);
      // somebody else may have brought it meanwhile, and read it
      if (await isCheckout(folder, commit, git)) return folder;
      rmSync(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return folder;
}

/**
 * A file or folder of a checkout.
 *
 * @param path From its top.
 * @throws {NotFoundError} There is none. {InvalidArgumentError} It leads out, by its name or by a link, which is the author's.
 */
export function pathInCheckout(folder: string, path: string, said: string): string {
  const asked = join(folder, path);
  if (asked !== folder && !asked.startsWith(folder + sep)) {
    throw new InvalidArgumentError(`${said}: git subdirectory path traversal detected: ${path}`);
  }
  if (!existsSync(asked)) throw new NotFoundError(`${said}: the repository has no ${path}`);
  const [top, real] = [realpathSync(folder), realpathSync(asked)];
  if (real !== top && !real.startsWith(top + sep)) {
    throw new InvalidArgumentError(`${said}: ${path} leads out of the repository`);
  }
  return asked;
}

/** @returns What it printed. */
type Git = (args: readonly string[], folder: string) => Promise<string>;

function openGit(said: string, { environment }: GitFetching): Git {
  const searchPath = environment.get("PATH") ?? "";
  const path = findOnPath("git", { searchPath, folder: "/" });
  if (path === undefined) {
    throw new FailedPreconditionError(`${said}: there is no git in $PATH, which fetches it`);
  }
  const quiet = new Map([
    ["GIT_TERMINAL_PROMPT", "0"],
    ["GIT_SSH_COMMAND", "ssh -o ControlMaster=no -o BatchMode=yes"],
    ...environment,
  ]);
  if (environment.has("GIT_SSH") && !environment.has("GIT_SSH_COMMAND")) {
    quiet.delete("GIT_SSH_COMMAND");
  }
  return async (args, folder) => {
    const lines: string[] = [];
    const program = { path, args, environment: quiet, folder };
    const { exitCode, lastWords } = await runProgram(program, (line) => lines.push(line));
    if (exitCode === 0) return lines.join("\n");
    throw new FailedPreconditionError(
      `${said}: git ${args[0]}: ${lastWords || `exit status ${exitCode}`}`,
    );
  };
}

async function resolveCommit(
  { remote, ref }: GitReference,
  said: string,
  git: Git,
): Promise<string> {
  if (COMMIT.test(ref)) return ref;
  const listed = await git(["ls-remote", "--", remote, ref], "/");
  const commits = new Map(
    listed.split("\n").map((line): [string, string] => {
      const [commit = "", name = ""] = line.split("\t");
      return [name, commit];
    }),
  );
  // git's own order; the list has whatever ends so, too
  const names = [ref, `refs/${ref}`, `refs/tags/${ref}`, `refs/heads/${ref}`];
  const commit = names.map((name) => commits.get(name)).find((each) => each !== undefined);
  if (commit !== undefined && COMMIT.test(commit)) return commit;
  throw new NotFoundError(`${said}: the repository does not contain ref ${ref}`);
}

/** One that was broken off in the middle is none. */
async function isCheckout(folder: string, commit: string, git: Git): Promise<boolean> {
  if (!existsSync(join(folder, ".git"))) return false;
  try {
    return (await git(["rev-parse", "HEAD"], folder)).trim() === commit;
  } catch (error) {
    if (error instanceof FailedPreconditionError) return false;
    throw error;
  }
}
