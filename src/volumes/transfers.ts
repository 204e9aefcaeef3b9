import { copyTree } from "./local/fill.ts";
import type { Processes } from "#host/processes.ts";
import type { VolumeRecord, Volumes } from "./volumes.ts";

/** A tar as it comes about. Disposal ends it, read or not. */
export interface TreeArchive extends AsyncDisposable {
  /** They share one buffer: each is to be consumed before the next. Throws what kept it from its end. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** Packs and unpacks folders whose content may be hostile, in processes of their own. */
export interface TreeArchiver {
  /** The folder itself, as `./`, and all that is in it. */
  pack(path: string, signal: AbortSignal): Promise<TreeArchive>;
  /** @param archive A tar, plain or compressed. No name or link in it leads out of the folder. */
  unpack(path: string, archive: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
}

export interface TransferParts {
  readonly volumes: Volumes;
  readonly archiver: TreeArchiver;
  readonly processes: Pick<Processes, "run">;
}

export interface NewVolume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * A volume's content as a tar, with owners, modes, times and extended attributes. What a container writes meanwhile may be in
 * it or not.
 */
export async function exportVolume(
  { volumes, archiver }: TransferParts,
  name: string,
  signal: AbortSignal,
): Promise<TreeArchive> {
  await using stack = new AsyncDisposableStack();
  const held = stack.use(await volumes.hold(name, signal));
  const archive = stack.use(await archiver.pack(held.path, signal));
  const open = stack.move();
  return { chunks: archive.chunks, [Symbol.asyncDispose]: () => open.disposeAsync() };
}

/** A new volume with the content of a tar. */
export async function importVolume(
  { volumes, archiver }: TransferParts,
  target: NewVolume,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<VolumeRecord> {
  return await volumes.createFilled(
    target,
    (path) => archiver.unpack(path, archive, signal),
    signal,
  );
}

/**
 * A new volume with the content and labels of another. Of a volume that no container has, blocks are shared where the
 * file system can. One that a container has is read through the archiver: `cp` goes by path, and whoever writes there could
 * lead it elsewhere.
 */
export async function cloneVolume(
  { volumes, archiver, processes }: TransferParts,
  source: string,
  target: NewVolume,
  signal: AbortSignal,
): Promise<VolumeRecord> {
  const isAlone = volumes.usersOf(source).length === 0;
  await using held = await volumes.hold(source, signal);
  const labels = { ...unmarked(held.volume), ...target.labels };
  return await volumes.createFilled(
    { ...target, labels },
    async (path) => {
      if (isAlone) return await copyTree(held.path, path, processes, signal);
      await using archive = await archiver.pack(held.path, signal);
      await archiver.unpack(path, archive.chunks, signal);
    },
    signal,
  );
}

/** A clone has a name, whatever its origin lacked. */
function unmarked({ labels }: VolumeRecord): Readonly<Record<string, string>> {
  const { "com.docker.volume.anonymous": _, ...others } = labels;
  return others;
}
