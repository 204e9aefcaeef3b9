import { rmSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";

/** A repository as ADD and a build's context name it. */
export interface GitReference {
  readonly url: string;
  /** Branch, tag or commit; the remote's HEAD when absent. */
  readonly ref?: string;
  /** Folder of it that is meant. */
  readonly folder?: string;
  readonly keepsGitDirectory?: boolean;
  readonly hasSubmodules: boolean;
  /** Commit that it must be. */
  readonly checksum?: string;
}

/**
 * Reads `https://host/x.git#ref:folder`, also with `?ref=…&subdir=…&keep-git-dir=…&checksum=…&submodules=…`.
 *
 * @throws {InvalidArgumentError} An unknown key.
 */
export function parseGitReference(text: string): GitReference {
  const [beforeHash, fragment] = splitOnce(text, "#");
  const [url, query] = splitOnce(beforeHash, "?");
  const [fragmentRef, fragmentFolder] = splitOnce(fragment, ":");
  const values = new Map(new URLSearchParams(query));
  const known = [
    "ref",
    "tag",
    "branch",
    "subdir",
    "checksum",
    "commit",
    "keep-git-dir",
    "submodules",
  ];
  for (const key of values.keys()) {
    if (!known.includes(key)) throw new InvalidArgumentError(`unexpected query ${key} in ${text}`);
  }
  const ref =
    fragmentRef || values.get("ref") || values.get("tag") || values.get("branch") || undefined;
  const folder = fragmentFolder || values.get("subdir") || undefined;
  const checksum = values.get("checksum") ?? values.get("commit");
  const kept = values.get("keep-git-dir");
  return {
    url,
    ...(ref === undefined ? {} : { ref }),
    ...(folder === undefined ? {} : { folder }),
    ...(kept === undefined
      ? {}
      : { keepsGitDirectory: kept === "true" || kept === "1" || kept === "" }),
    ...(checksum === undefined ? {} : { checksum }),
    hasSubmodules: !["0", "false"].includes(values.get("submodules") ?? ""),
  };
}

function splitOnce(text: string, separator: string): readonly [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

/** A checkout. */
export interface GitCheckout {
  readonly path: string;
  /** Folder in `path` that is meant; `/` for all. */
  readonly folder: string;
  readonly commit: string;
}

const ENVIRONMENT = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: "git:http:https:ssh",
  GIT_SSH_COMMAND: "ssh -F none -o StrictHostKeyChecking=accept-new -o BatchMode=yes",
  LC_ALL: "C",
} as const;

/**
 * Checks a repository out into a folder that is not there yet, by the host's git: as little of its history as the reference
 * needs. No hook and no configuration of anybody's runs.
 *
 * @throws {FailedPreconditionError} git's words. {InvalidArgumentError} Another commit than the checksum says.
 */
export async function checkOut(
  processes: Pick<Processes, "run">,
  reference: GitReference,
  directory: string,
  signal: AbortSignal,
): Promise<GitCheckout> {
  const program = Bun.which("git", { PATH: ENVIRONMENT.PATH });
  if (program === null) {
    throw new FailedPreconditionError(
      `Cannot fetch ${reference.url}: the program "git" is not installed on the engine's host`,
    );
  }
  const git = async (...args: readonly string[]): Promise<string> => {
    const command = ["-c", "core.hooksPath=/dev/null", "-c", "protocol.file.allow=never", ...args];
    const { code, stdout, stderr } = await processes.run(
      { argv: [program, "-C", directory, ...command], env: ENVIRONMENT, cwd: "/" },
      signal,
    );
    if (code === 0) return stdout.trim();
    const said = stderr.trim().split("\n").at(-1) ?? "";
    throw new FailedPreconditionError(`failed to fetch remote ${reference.url}: ${said}`);
  };
  const { url, ref = "HEAD", checksum } = reference;
  if (ref.startsWith("-") || url.startsWith("-")) {
    throw new InvalidArgumentError(`invalid git reference: ${JSON.stringify(`${url}#${ref}`)}`);
  }
  await git("init", "-q", "--initial-branch=main", ".");
  await git("remote", "add", "origin", url);
  await fetchRef(git, ref);
  await git("checkout", "-q", "--detach", "FETCH_HEAD");
  const commit = await git("rev-parse", "HEAD");
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw new InvalidArgumentError(`expected checksum to match ${checksum}, got ${commit}`);
  }
  if (reference.hasSubmodules) {
    await git("submodule", "update", "-q", "--init", "--recursive", "--depth=1");
  }
  if (reference.keepsGitDirectory !== true) {
    rmSync(join(directory, ".git"), { recursive: true, force: true });
  }
  return { path: directory, folder: `/${reference.folder ?? ""}`, commit };
}

/** As little as the server gives: not all can send a part of the history, or a commit that no branch ends with. */
async function fetchRef(
  git: (...args: readonly string[]) => Promise<string>,
  ref: string,
): Promise<void> {
  try {
    await git("fetch", "-q", "--depth=1", "--no-tags", "origin", ref);
  } catch {
    if (!/^[0-9a-f]{7,64}$/.test(ref)) {
      await git("fetch", "-q", "--no-tags", "origin", ref);
      return;
    }
    await git("fetch", "-q", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*");
    await git("update-ref", "FETCH_HEAD", await git("rev-parse", `${ref}^{commit}`));
  }
}
