import { InvalidArgumentError } from "#base/errors.ts";
import { parseJson } from "#base/json.ts";
import { JsonReader } from "#base/json-reader.ts";

/** What the archive endpoints say of a file in the header `X-Docker-Container-Path-Stat`. */
export interface PathStat {
  /** Last part of the path as it was asked for: `.` for `/a/.`. */
  readonly name: string;
  readonly sizeBytes: number;
  /** Go's `os.FileMode`. */
  readonly mode: number;
  /** RFC 3339 with up to nine digits. */
  readonly mtime: string;
  /** Where a symbolic link leads, all links on the way followed; empty for anything else. */
  readonly linkTarget: string;
}

export const PATH_STAT_HEADER = "X-Docker-Container-Path-Stat";

/** Go's `os.FileMode` bits of what is no regular file. */
const GO_MODE = {
  directory: 0x8000_0000,
  symlink: 0x0800_0000,
  device: 0x0400_0000,
  fifo: 0x0200_0000,
  socket: 0x0100_0000,
  setuid: 0x0080_0000,
  setgid: 0x0040_0000,
  characterDevice: 0x0020_0000,
  sticky: 0x0010_0000,
  irregular: 0x0008_0000,
} as const;

const S_IFMT = 0o170000;
const GO_TYPES: ReadonlyMap<number, number> = new Map([
  [0o040000, GO_MODE.directory],
  [0o120000, GO_MODE.symlink],
  [0o060000, GO_MODE.device],
  [0o020000, GO_MODE.device + GO_MODE.characterDevice],
  [0o010000, GO_MODE.fifo],
  [0o140000, GO_MODE.socket],
  [0o100000, 0],
]);

/** @param mode `st_mode` of stat(2). */
export function toGoFileMode(mode: number): number {
  const type = GO_TYPES.get(mode & S_IFMT) ?? GO_MODE.irregular;
  const setuid = mode & 0o4000 ? GO_MODE.setuid : 0;
  const setgid = mode & 0o2000 ? GO_MODE.setgid : 0;
  const sticky = mode & 0o1000 ? GO_MODE.sticky : 0;
  return (mode & 0o777) + type + setuid + setgid + sticky;
}

export function isGoDirectory(mode: number): boolean {
  return (mode & GO_MODE.directory) !== 0;
}

export function isGoSymlink(mode: number): boolean {
  return (mode & GO_MODE.symlink) !== 0;
}

export function isGoDevice(mode: number): boolean {
  return (mode & GO_MODE.device) !== 0;
}

/** Neither file nor folder, link, device: fifo, socket and the unknown. */
export function isGoIrregular(mode: number): boolean {
  return (mode & (GO_MODE.irregular | GO_MODE.fifo | GO_MODE.socket)) !== 0;
}

export function encodePathStat(stat: PathStat): string {
  const wire = {
    name: stat.name,
    size: stat.sizeBytes,
    mode: stat.mode,
    mtime: stat.mtime,
    linkTarget: stat.linkTarget,
  };
  return Buffer.from(JSON.stringify(wire)).toString("base64");
}

/** @throws {InvalidArgumentError} No such JSON. */
export function parsePathStat(header: string): PathStat {
  const prefix = "unable to decode container path stat header: ";
  try {
    const text = Buffer.from(header, "base64").toString("utf8");
    const reader = JsonReader.of(parseJson(text), { prefix });
    return {
      name: reader.string("name") ?? "",
      sizeBytes: reader.integer("size", "int64") ?? 0,
      mode: reader.integer("mode", "uint32") ?? 0,
      mtime: reader.string("mtime") ?? "",
      linkTarget: reader.string("linkTarget") ?? "",
    };
  } catch (cause) {
    if (cause instanceof InvalidArgumentError && cause.message.startsWith(prefix)) throw cause;
    throw new InvalidArgumentError(`${prefix}${String(cause)}`, { cause });
  }
}
