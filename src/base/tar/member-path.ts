import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";

const PATH_MAX_BYTES = 4096;
const NAME_MAX_BYTES = 255;

function checkedRelative(path: string, describe: () => string): string {
  const breakout = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(`${describe()}: ${reason}`);
  if (path.includes("\0")) throw breakout("it has a NUL byte");
  if (Buffer.byteLength(path) > PATH_MAX_BYTES) throw breakout("the path is too long");
  // absolute paths mean the root that is unpacked into, in which `..` leads nowhere else
  const clean = cleanPath(path);
  if (clean === ".." || clean.startsWith("../")) throw breakout("it leaves the target folder");
  const relative = clean.replace(/^\/+/, "");
  for (const part of relative.split("/")) {
    if (Buffer.byteLength(part) > NAME_MAX_BYTES) throw breakout("a file name is too long");
  }
  return relative === "." ? "" : relative;
}

/**
 * Brings a member's name to a path below the folder that is unpacked into, as Docker does: `/a/./b`
 * is `a/b`, `../a` is refused. Symbolic links on the way are for whoever opens the path to refuse.
 *
 * @returns Without slashes at either end; empty for the folder itself.
 * @throws {InvalidArgumentError} When it leads out.
 */
export function cleanMemberPath(name: string): string {
  return checkedRelative(
    name,
    () => `invalid path in archive ${JSON.stringify(name.slice(0, 300))}`,
  );
}

/**
 * The same for the target of a hard link, which is a path from the archive's root.
 *
 * @throws {InvalidArgumentError} When it leads out, or to the root itself.
 */
export function cleanHardlinkTarget(name: string, linkName: string): string {
  const describe = (): string =>
    `invalid hard link in archive ${JSON.stringify(name.slice(0, 300))} -> ${JSON.stringify(linkName.slice(0, 300))}`;
  const target = checkedRelative(linkName, describe);
  if (target === "") throw new InvalidArgumentError(`${describe()}: it links to a folder`);
  return target;
}
