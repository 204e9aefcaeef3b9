import { UnsupportedError } from "#base/errors.ts";
import type { FilesDone, FilesOutput, FilesWorkers } from "#containers/files/workers.ts";

/** Containers of memory have no files. */
export class NoFilesWorkers implements FilesWorkers {
  ask(): Promise<FilesDone> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }

  open(): Promise<FilesOutput> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }

  feed(): Promise<FilesDone> {
    return Promise.reject(new UnsupportedError("There are no files"));
  }
}
