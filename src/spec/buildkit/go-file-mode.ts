/** Bits of Go's `fs.FileMode`, which `fsutil` sends. */
const DIRECTORY = 2 ** 31;
const SYMLINK = 2 ** 27;
const DEVICE = 2 ** 26;
const PIPE = 2 ** 25;
const SOCKET = 2 ** 24;
const SET_UID = 2 ** 23;
const SET_GID = 2 ** 22;
const STICKY = 2 ** 20;

export type FileKind = "file" | "directory" | "symlink" | "device" | "pipe" | "socket";

function has(mode: number, bit: number): boolean {
  return Math.floor(mode / bit) % 2 === 1;
}

/** Reads Go's file mode. `bits` are those of chmod, 12 of them. */
export function readGoMode(mode: number): { readonly kind: FileKind; readonly bits: number } {
  const kind: FileKind = has(mode, DIRECTORY)
    ? "directory"
    : has(mode, SYMLINK)
      ? "symlink"
      : has(mode, DEVICE)
        ? "device"
        : has(mode, PIPE)
          ? "pipe"
          : has(mode, SOCKET)
            ? "socket"
            : "file";
  const special =
    (has(mode, SET_UID) ? 0o4000 : 0) |
    (has(mode, SET_GID) ? 0o2000 : 0) |
    (has(mode, STICKY) ? 0o1000 : 0);
  return { kind, bits: (mode % 0o1000) | special };
}

const GO_OF_KIND: Readonly<Record<FileKind, number>> = {
  file: 0,
  directory: DIRECTORY,
  symlink: SYMLINK,
  device: DEVICE,
  pipe: PIPE,
  socket: SOCKET,
};

/** @param bits Those of chmod. */
export function writeGoMode(kind: FileKind, bits: number): number {
  return (
    GO_OF_KIND[kind] +
    (bits & 0o777) +
    (bits & 0o4000 ? SET_UID : 0) +
    (bits & 0o2000 ? SET_GID : 0) +
    (bits & 0o1000 ? STICKY : 0)
  );
}
