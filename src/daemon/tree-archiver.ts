import { peekPacking } from "#base/packing.ts";
import type { FilesWorkers } from "#containers/files/workers.ts";
import type { TreeArchiver } from "#volumes/transfers.ts";

/** Archives of volumes, made and read by the processes that copy files of containers. */
export function treeArchiver(workers: FilesWorkers): TreeArchiver {
  return {
    pack: async (path, signal) => {
      const view = { rootPath: path, isReadOnly: true, mounts: [] };
      // with the dot the folder itself is in the archive, and its owner and mode
      return await workers.open({ kind: "pack", view, path: "/." }, signal);
    },
    unpack: async (path, archive, signal) => {
      const { packing, whole } = await peekPacking(archive);
      const view = { rootPath: path, isReadOnly: false, mounts: [] };
      const job = { kind: "extract", view, path: "/", packing, keepsKinds: false } as const;
      await workers.feed({ ...job, setsDirectory: true }, whole, signal);
    },
  };
}
