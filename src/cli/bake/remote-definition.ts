import { homedir } from "node:os";
import { join, posix } from "node:path";
import type { RemoteTree } from "#bake/targets/remote-places.ts";
import { collectBytes } from "#base/async.ts";
import {
  FailedPreconditionError,
  InvalidArgumentError,
  messageOf,
  NotFoundError,
  UnsupportedError,
} from "#base/errors.ts";
import { isArchiveHead } from "#base/tar/archive-head.ts";
import type { Environment } from "#cli/command/globals.ts";
import { checkOutGit, pathInCheckout } from "#compose/remote/check-out-git.ts";
import { parseGitReference } from "#compose/remote/git-reference.ts";

/** A definition that is not on this host. */
export type RemoteDefinition =
  /** In a repository, with the files that it is about. */
  | ({ readonly kind: "tree" } & RemoteTree)
  /** A file alone: its paths are on this host. @property name Its last word. */
  | { readonly kind: "file"; readonly name: string; readonly text: string };

const LARGEST_BYTES = 16 * 1024 * 1024;
/** Folder of the user's cache where repositories are kept, each under its commit. */
const CACHE = "wharf/git";

/**
 * Brings a definition here: a repository by the user's `git`, a file by HTTP.
 *
 * @throws {NotFoundError} There is none. {FailedPreconditionError} It cannot be reached. {UnsupportedError} It is an
 *   archive.
 */
export async function openRemote(
  url: string,
  env: Environment,
  signal: AbortSignal,
): Promise<RemoteDefinition> {
  const git = parseGitReference(url);
  if (!git) return await fetchDefinition(url, signal);
  const environment = new Map(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );
  const cache = join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), CACHE);
  const folder = await checkOutGit(git, url, { environment, cache });
  return { kind: "tree", url, folder: pathInCheckout(folder, git.path, url) };
}

async function fetchDefinition(url: string, signal: AbortSignal): Promise<RemoteDefinition> {
  if (!/^https?:\/\//.test(url)) throw new UnsupportedError(`Cannot bake ${url}: it is no address`);
  const response = await answered(url, signal);
  if (response.status === 404) throw new NotFoundError(`${url}: invalid response status 404`);
  if (!response.ok) {
    throw new FailedPreconditionError(`${url}: invalid response status ${response.status}`);
  }
  const bytes = response.body
    ? Buffer.from(await collectBytes(response.body, LARGEST_BYTES))
    : Buffer.alloc(0);
  if (isArchiveHead(bytes)) {
    throw new UnsupportedError(
      `Cannot bake ${url}: it is an archive; definitions are read from repositories and files`,
    );
  }
  if (bytes.length === 0) throw new InvalidArgumentError(`${url}: the file is empty`);
  const name = posix.basename(new URL(url).pathname) || "docker-bake.hcl";
  return { kind: "file", name, text: bytes.toString() };
}

async function answered(url: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(url, { signal });
  } catch (cause) {
    throw new FailedPreconditionError(`${url}: ${messageOf(cause)}`, { cause });
  }
}
