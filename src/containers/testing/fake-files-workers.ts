import { UnsupportedError } from "#base/errors.ts";
import type { FilesOutput, FilesWorkers } from "#containers/files/workers.ts";
import type { PathStat } from "#spec/engine-api/path-stat.ts";

/** Containers of memory have no files. */
export class NoFilesWorkers implements FilesWorkers {
  ask(): Promise<PathStat | undefined> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }

  open(): Promise<FilesOutput> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }

  feed(): Promise<void> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }
}
