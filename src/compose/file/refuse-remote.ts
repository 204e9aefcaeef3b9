import { UnsupportedError } from "#base/errors.ts";
import { formatPosition } from "./positions.ts";
import type { Position } from "./tree.ts";

/**
 * @param what How the file is named: `-f`, `include`.
 * @throws {UnsupportedError} It is elsewhere.
 */
export function refuseRemote(file: string, what: string, position?: Position): void {
  if (!/^(?:oci|https?|git|ssh):\/\/|^git@/.test(file)) return;
  const place = position === undefined ? "" : `${formatPosition(position)}: `;
  throw new UnsupportedError(
    `${place}${what} ${file}: of files that are elsewhere, -f oci://REPOSITORY alone is read: bring it here first`,
  );
}
