import { NotFoundError } from "#base/errors.ts";
import { peekPacking } from "#base/packing.ts";
import { resolveUser } from "#containers/oci-spec/user.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { readUserFiles } from "#containers/bring-up/user-files.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";
import type { LendableBytes } from "#http1/body-loan.ts";
import { type FilesParts, type HeldRoot, holdRoot } from "./hold.ts";
import type { ArchiveTarget } from "./requests.ts";
import type { FilesOutput } from "./workers.ts";

export async function statInContainer(
  parts: FilesParts,
  reference: string,
  path: string,
  signal: AbortSignal,
): Promise<PathStat> {
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdRoot(parts, reference, signal));
  const { stat, gone } = await named(reference, path, () =>
    parts.filesWorkers.ask({ kind: "stat", view: held.view, path }, held.signal),
  );
  letGo(parts, held, gone, stack.move());
  if (!stat) throw missing(reference, path);
  return stat;
}

/** The caller disposes of what it gets. */
export async function readFromContainer(
  parts: FilesParts,
  reference: string,
  path: string,
  signal: AbortSignal,
): Promise<FilesOutput> {
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdRoot(parts, reference, signal));
  const output = stack.use(
    await named(reference, path, () =>
      parts.filesWorkers.open({ kind: "pack", view: held.view, path }, held.signal),
    ),
  );
  parts.events.publish(held.record, "archive-path");
  return withStack(output, stack.move());
}

/** The whole root as a tar, without volumes and other mounts. */
export async function exportContainer(
  parts: FilesParts,
  reference: string,
  signal: AbortSignal,
): Promise<FilesOutput> {
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdRoot(parts, reference, signal));
  const { mappings } = held.view;
  const view = {
    rootPath: held.rootPath,
    isReadOnly: true,
    mounts: [],
    ...(mappings && { mappings }),
  };
  const output = stack.use(await parts.filesWorkers.open({ kind: "export", view }, held.signal));
  parts.events.publish(held.record, "export");
  return withStack(output, stack.move());
}

export async function writeToContainer(
  parts: FilesParts,
  reference: string,
  target: ArchiveTarget,
  archive: LendableBytes,
  signal: AbortSignal,
): Promise<void> {
  const { path, keepsKinds } = target;
  parts.registry.resolve(reference);
  const { packing, whole } = await peekPacking(archive);
  const lend = archive.lend?.bind(archive);
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdRoot(parts, reference, signal));
  const owner = target.ownedByUser ? ownerIn(held) : undefined;
  const { gone } = await named(reference, path, () =>
    parts.filesWorkers.feed(
      { kind: "extract", view: held.view, path, keepsKinds, packing, ...(owner ? { owner } : {}) },
      { [Symbol.asyncIterator]: () => whole[Symbol.asyncIterator](), ...(lend ? { lend } : {}) },
      held.signal,
    ),
  );
  letGo(parts, held, gone, stack.move());
  parts.events.publish(held.record, "extract-to-dir");
}

/** Behind the answer: the next request for the same files finds them still mounted. */
function letGo(
  parts: FilesParts,
  { record }: HeldRoot,
  gone: Promise<void>,
  open: AsyncDisposableStack,
): void {
  void parts.background.run(`Cannot let go of the files of container ${record.id}`, async () => {
    await gone;
    await open.disposeAsync();
  });
}

/** The container's /etc/passwd is read as text, by us: no library of the container's is asked. */
function ownerIn({
  record,
  rootPath,
}: HeldRoot): { readonly uid: number; readonly gid: number } | undefined {
  const { User: user }: ContainerRecord["config"] = record.config;
  if (user === "") return undefined;
  const { uid, gid } = resolveUser(user, [], readUserFiles(rootPath));
  return { uid, gid };
}

function withStack(output: FilesOutput, open: AsyncDisposableStack): FilesOutput {
  return { ...output, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

async function named<T>(reference: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof NotFoundError ? missing(reference, path, error) : error;
  }
}

function missing(reference: string, path: string, cause?: unknown): NotFoundError {
  return new NotFoundError(`Could not find the file ${path} in container ${reference}`, { cause });
}
