import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { collectBytes } from "#base/async.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { isArchiveHead, peek } from "#base/tar/archive-head.ts";
import { pathInRoot } from "#builder/files/root-paths.ts";
import { DOCKERFILE_MAX_BYTES } from "#builder/language/parse-file.ts";
import type { Processes } from "#host/processes.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { checkOut, parseGitReference } from "./git-source.ts";
import { fetchFile } from "./http-source.ts";

/** What bringing a context here stands on. */
export interface ContextParts {
  readonly processes: Pick<Processes, "run">;
  /** `<data root>/builder`. */
  readonly directory: string;
  readonly randomBytes: RandomBytes;
  /** Unpacks a tar into a folder, from which no name and no link of it leads out. */
  readonly unpack: (
    directory: string,
    archive: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ) => Promise<void>;
}

/** A folder for a context. @param stack Removes it. */
export function newContextFolder(
  parts: Pick<ContextParts, "directory" | "randomBytes">,
  stack: AsyncDisposableStack,
): string {
  const name = Buffer.from(parts.randomBytes(8)).toString("hex");
  const folder = join(parts.directory, "contexts", name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Unpacks an archive; what is none is the Dockerfile. */
export async function fillFolder(
  parts: ContextParts,
  folder: string,
  fileName: string,
  bytes: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { head, whole } = await peek(bytes);
  if (head.byteLength === 0) throw new InvalidArgumentError("the build context is empty");
  if (isArchiveHead(head)) {
    await parts.unpack(folder, whole, signal);
    return;
  }
  writeFileSync(join(folder, basename(fileName)), await collectBytes(whole, DOCKERFILE_MAX_BYTES));
}

/** Whether a context is at a URL: of a repository, or of a file. */
export function isRemoteContext(context: string): boolean {
  return /^(?:https?:\/\/|git:\/\/|ssh:\/\/|git@|github\.com\/)/.test(context);
}

function isRepository(url: string): boolean {
  return !/^https?:/.test(url) || /\.git(?:[?#]|$)/.test(url);
}

/**
 * Fetches a named context: a repository's files, or a file as it is.
 *
 * @param folder Empty.
 * @returns The folder that is the context.
 */
export async function fetchNamedContext(
  parts: Pick<ContextParts, "processes">,
  { folder, url }: { readonly folder: string; readonly url: string },
  signal: AbortSignal,
): Promise<string> {
  if (isRepository(url)) return await fetchRepository(parts, { folder, url }, signal);
  const context = join(folder, "context");
  mkdirSync(context);
  const { path, name } = await fetchFile({ url, directory: folder, number: 1 }, signal);
  renameSync(path, join(context, name));
  return context;
}

async function fetchRepository(
  parts: Pick<ContextParts, "processes">,
  { folder, url }: { readonly folder: string; readonly url: string },
  signal: AbortSignal,
): Promise<string> {
  const reference = parseGitReference(url.replace(/^github\.com\//, "https://github.com/"));
  const checkout = await checkOut(parts.processes, reference, folder, signal);
  return pathInRoot(checkout.path, checkout.folder, { followsLast: true });
}

/**
 * Fetches a repository, an archive or a Dockerfile alone.
 *
 * @returns The folder that is the context.
 */
export async function fetchContext(
  parts: ContextParts,
  given: { readonly folder: string; readonly fileName: string; readonly url: string },
  signal: AbortSignal,
): Promise<string> {
  const { folder, fileName, url } = given;
  if (isRepository(url)) return await fetchRepository(parts, given, signal);
  const downloads = join(folder, "download");
  mkdirSync(downloads);
  const { path } = await fetchFile({ url, directory: downloads, number: 1 }, signal);
  const context = join(folder, "context");
  mkdirSync(context);
  await fillFolder(parts, context, fileName, Bun.file(path).stream(), signal);
  return context;
}
