import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = "/proc/sys/fs/binfmt_misc";

/**
 * Whether an entry of binfmt_misc is for a file.
 *
 * @param entry Text of its file: `enabled`, `offset 0`, `magic 7f45…`, `mask ffff…`.
 * @param header The file's first 128 bytes, which is all that the kernel looks at.
 * @see Linux, admin-guide/binfmt-misc.rst
 */
export function isHandledBy(entry: string, header: Uint8Array): boolean {
  const field = (name: string): string => new RegExp(`^${name} (.*)$`, "m").exec(entry)?.[1] ?? "";
  const magic = Buffer.from(field("magic"), "hex");
  if (!/^enabled$/m.test(entry) || magic.length === 0) return false;
  const mask = Buffer.from(field("mask"), "hex");
  const offset = Number(field("offset"));
  return magic.every((byte, at) => ((header[offset + at] ?? -1) & (mask[at] ?? 0xff)) === byte);
}

/** Whether the host runs such files through an emulator. */
export function isEmulated(header: Uint8Array): boolean {
  return entries().some((entry) => isHandledBy(entry, header));
}

/** None where binfmt_misc is not mounted. */
function entries(): readonly string[] {
  let names: readonly string[];
  try {
    names = readdirSync(FOLDER);
  } catch {
    return []; // a kernel without it
  }
  return names
    .filter((name) => name !== "register" && name !== "status")
    .map((name) => readFileSync(join(FOLDER, name), "utf8"));
}
