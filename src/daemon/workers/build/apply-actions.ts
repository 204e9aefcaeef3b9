import { chmodSync, lchownSync, lstatSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { assertNever, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import type { BuildJob, FilesAction } from "#builder/files/protocol.ts";
import { goReason } from "#host/archive/go-reason.ts";
import { isArchive, unpackInRoot } from "./archives.ts";
import { copyContent, FileCopier } from "./copy-file.ts";
import { parseModeChange } from "./modes.ts";
import type { Owner } from "#builder/files/root-paths.ts";
import { ownerIn } from "./owners.ts";
import { makeFolders, pathInRoot } from "#builder/files/root-paths.ts";
import type { BuildTools } from "./tools.ts";
import { type SelectedSource, selectSources, walkSource } from "./select-files.ts";

type Action<Kind extends FilesAction["kind"]> = Extract<FilesAction, { readonly kind: Kind }>;

const ROOT: Owner = { uid: 0, gid: 0 };

/**
 * Carries out what COPY, ADD and WORKDIR ask for, in a root that is nobody else's meanwhile.
 *
 * @returns How many files and folders were written.
 * @throws {NotFoundError} A source that is not there. {InvalidArgumentError} A place that cannot be written to.
 */
export async function applyActions(
  job: Extract<BuildJob, { readonly kind: "apply" }>,
  tools: BuildTools,
): Promise<number> {
  let written = 0;
  for (const action of job.actions) {
    switch (action.kind) {
      case "folder":
        makeFolders(job.root, action.path, ownerIn(job.root, action.owner) ?? ROOT);
        written++;
        break;
      case "file":
        written += await writeFile(job.root, action, tools);
        break;
      case "copy":
        written += await copy(job.root, action, tools);
        break;
      default:
        assertNever(action);
    }
  }
  return written;
}

/** Where a file goes: into a folder under its own name, or to the path itself. */
function targetOf(
  root: string,
  destination: string,
  name: string,
  folders: { readonly owner: Owner | undefined; readonly mode: number },
): string {
  const { owner, mode } = folders;
  const resolved = pathInRoot(root, destination, { followsLast: true });
  const isFolder =
    destination.endsWith("/") ||
    destination === "" ||
    lstatSync(resolved, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder) return join(makeFolders(root, destination, owner, mode), name);
  makeFolders(root, dirname(resolved.slice(root.length) || "/"), owner, mode);
  return resolved;
}

/** As BuildKit: `--chmod` is also for the folders that are made on the way, but for its set-ID and sticky bits. */
function folderMode(change: ReturnType<typeof parseModeChange> | undefined): number {
  return (change?.(0o755, true) ?? 0o755) & 0o777;
}

/** A folder is in nobody's way, and goes for nobody. */
function clear(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (found.isDirectory()) {
    throw new InvalidArgumentError(`cannot replace to directory ${path} with file`);
  }
  rmSync(path);
}

async function writeFile(root: string, action: Action<"file">, tools: BuildTools): Promise<number> {
  const owner = ownerIn(root, action.owner ?? "") ?? ROOT;
  const { content } = action;
  if (typeof content !== "string" && action.unpacks && isArchive(content.path)) {
    const folder = makeFolders(root, action.destination, owner);
    const chosen = action.owner === undefined ? undefined : owner;
    return await unpackInRoot(content.path, { root, folder, owner: chosen }, tools);
  }
  const change = action.mode === undefined ? undefined : parseModeChange(action.mode);
  const folders = { owner, mode: folderMode(change) };
  const target = targetOf(root, action.destination, action.name, folders);
  clear(target);
  if (typeof content === "string") writeFileSync(target, content, { mode: 0o600, flag: "wx" });
  else copyContent(content.path, target);
  lchownSync(target, owner.uid, owner.gid);
  chmodSync(target, change?.(action.defaultMode, false) ?? action.defaultMode);
  if (action.mtimeSeconds !== undefined) tools.syscalls.setTimes(target, action.mtimeSeconds, 0);
  return 1;
}

async function copy(root: string, action: Action<"copy">, tools: BuildTools): Promise<number> {
  const sources = selectSources(action);
  if (!sources) {
    throw new NotFoundError(`${JSON.stringify(cleanPath(`/${action.source}`))}: not found`);
  }
  let written = 0;
  for (const source of sources) {
    try {
      written += await copyOne(root, source, action, tools);
    } catch (error) {
      throw told(error, source, root);
    }
  }
  return written;
}

async function copyOne(
  root: string,
  source: SelectedSource,
  action: Action<"copy">,
  tools: BuildTools,
): Promise<number> {
  const chosen = ownerIn(root, action.owner ?? "");
  const owner = chosen ?? (action.isOwnedByRoot ? ROOT : undefined);
  const { stats, path } = source;
  if (action.unpacks && stats.isFile() && isArchive(path)) {
    const folder = makeFolders(root, action.destination, owner);
    return await unpackInRoot(path, { root, folder, owner: chosen }, tools);
  }
  const change = action.mode === undefined ? undefined : parseModeChange(action.mode);
  const mode = folderMode(change);
  // what attributes a client's files have is its own matter: not every client sends them
  const hasXattrs = !action.isOwnedByRoot;
  const copier = new FileCopier({ syscalls: tools.syscalls, owner, mode: change, hasXattrs });
  const destination = action.keepsParents
    ? join(action.destination, keptPath(source, action.source), "/")
    : action.destination;
  if (!stats.isDirectory()) {
    const folderOfFile = action.keepsParents
      ? join(action.destination, dirname(keptPath(source, action.source)), "/")
      : destination;
    const target = targetOf(root, folderOfFile, basename(source.name), { owner, mode });
    clear(target);
    copier.copy(path, target, stats);
    copier.finish();
    return 1;
  }
  const wasThere = lstatSync(pathInRoot(root, destination, { followsLast: true }), {
    throwIfNoEntry: false,
  });
  const target = makeFolders(root, destination, owner, mode);
  let written = 0;
  for (const file of walkSource(source, action)) {
    if (file.name === "") {
      // Its content is copied, and of itself only its time. A client's folder as a whole has none.
      if (action.keepsParents && !wasThere) copier.describe(path, target, stats);
      else if (!isClientsRoot(source, action)) copier.setTimeOf(target, stats);
      continue;
    }
    const place = join(target, file.name);
    if (!file.stats.isDirectory() && !copier.isFree(place)) clear(place);
    copier.copy(file.path, place, file.stats);
    written++;
  }
  copier.finish();
  return written;
}

/** The client's folder itself: its mode and times are its own matter. */
function isClientsRoot({ place }: SelectedSource, { isOwnedByRoot }: Action<"copy">): boolean {
  return isOwnedByRoot && place === "";
}

/** What `--parents` keeps: all of the path, or what stands behind `/./`. */
function keptPath(source: SelectedSource, written: string): string {
  const pivot = written.indexOf("/./");
  if (pivot < 0) return source.name;
  const depth = cleanPath(`/${written.slice(0, pivot)}`)
    .split("/")
    .filter((part) => part !== "").length;
  return source.name.split("/").slice(depth).join("/");
}

/** Names the file of the root rather than where the root is on the host. */
function told(error: unknown, source: SelectedSource, root: string): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const message = `cannot copy ${JSON.stringify(`/${source.name}`)}: ${goReason(error)}`;
  return new InvalidArgumentError(message.replaceAll(root, ""), { cause: error });
}
