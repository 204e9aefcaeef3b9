import { changedTreeOf, type FilesParts, holdRoot } from "./hold.ts";
import type { FilesOutput } from "./workers.ts";

/**
 * What the container changed of its image.
 *
 * @returns The JSON that `GET /containers/{id}/changes` answers. The caller disposes of it.
 */
export async function changesOfContainer(
  parts: FilesParts,
  reference: string,
  signal: AbortSignal,
): Promise<FilesOutput> {
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await holdRoot(parts, reference, signal));
  const tree = changedTreeOf(parts, held);
  const output = stack.use(await parts.filesWorkers.open({ kind: "changes", tree }, held.signal));
  const open = stack.move();
  return { ...output, [Symbol.asyncDispose]: () => open.disposeAsync() };
}
