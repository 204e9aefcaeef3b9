import { UnsupportedError } from "#base/errors.ts";
import { formatPosition } from "#compose/file/positions.ts";
import type { Position } from "#compose/file/tree.ts";
import { parseGitReference } from "./git-reference.ts";

/** Paths of what has been fetched, by what the user or a file calls it. */
export type RemoteFiles = ReadonlyMap<string, readonly string[]>;

const OCI = "oci://";

/** A file is elsewhere, and has to be fetched first. */
export class RemoteFileError extends UnsupportedError {
  readonly reference: string;

  constructor(reference: string, message: string) {
    super(message);
    this.reference = reference;
  }
}

/** Whether files there can be fetched. */
export function isFetchable(file: string): boolean {
  return file.startsWith(OCI) || parseGitReference(file) !== undefined;
}

/**
 * @param what How the file is named: `-f`, `include`.
 * @returns Its own path where it is here, else those of what was fetched, the first one the main file.
 * @throws {RemoteFileError} It has to be fetched. {UnsupportedError} It cannot be.
 */
export function pathsOf(
  file: string,
  what: string,
  remotes: RemoteFiles,
  position?: Position,
): readonly string[] {
  const place = position === undefined ? "" : `${formatPosition(position)}: `;
  const said = `${place}${what} ${file}`;
  if (isFetchable(file)) {
    const fetched = remotes.get(file);
    if (fetched !== undefined) return fetched;
    throw new RemoteFileError(file, `${said}: it is elsewhere: bring it here first`);
  }
  if (/^[a-z]+:\/\//.test(file)) {
    throw new UnsupportedError(
      `${said}: of files that are elsewhere, those of Git repositories (https://….git#REF:PATH, ssh://, git://) and of oci://REPOSITORY are read`,
    );
  }
  return [file];
}
