import {
  chmodSync,
  chownSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  closeSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { tarHeader } from "#base/tar/header.ts";
import { encodeTarHeader, tarTrailer } from "#base/tar/writer.ts";
import { openArchiveSyscalls } from "#host/archive/syscalls.ts";

/** Of `cap_net_raw+ep`, as the kernel keeps it. */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const SPARSE_BYTES = 1024 * 1024;

/** One thing in the context of each case; folders come before what is in them. */
interface ContextEntry {
  readonly path: string;
  readonly text?: string;
  /** Hard link to this path. */
  readonly hard?: string;
  /** Symbolic link to this. */
  readonly soft?: string;
  readonly mode?: number;
  readonly owner?: readonly [uid: number, gid: number];
  /** Seconds since 1970. */
  readonly time: number;
  readonly xattrs?: Readonly<Record<string, Buffer>>;
  readonly isSparse?: boolean;
}

const ENTRIES: readonly ContextEntry[] = [
  { path: "a", text: "A\n", time: 1_000_000_001 },
  { path: "exec", text: "#!/bin/sh\n", mode: 0o755, time: 1_000_000_002 },
  { path: "suid", text: "S\n", mode: 0o6755, owner: [33, 34], time: 1_000_000_003 },
  { path: "ro", text: "R\n", mode: 0o400, time: 1_000_000_004 },
  { path: "any", text: "W\n", mode: 0o666, time: 1_000_000_005 },
  { path: "d", mode: 0o750, owner: [5, 6], time: 1_000_000_006 },
  { path: "d/x", text: "X\n", owner: [7, 8], time: 1_000_000_007 },
  { path: "d/sub", mode: 0o2755, time: 1_000_000_008 },
  { path: "d/sub/y", text: "Y\n", mode: 0o640, time: 1_000_000_009 },
  { path: "d/rel", soft: "../a", time: 1_000_000_010 },
  { path: "empty", mode: 0o1777, time: 1_000_000_011 },
  { path: "links", time: 1_000_000_012 },
  { path: "links/h1", text: "H\n", time: 1_000_000_013 },
  { path: "links/h2", hard: "links/h1", time: 1_000_000_013 },
  { path: "links/sub", time: 1_000_000_014 },
  { path: "links/sub/h3", hard: "links/h1", time: 1_000_000_013 },
  { path: "soft", time: 1_000_000_015 },
  { path: "soft/file", soft: "../a", time: 1_000_000_016 },
  { path: "soft/folder", soft: "../d", time: 1_000_000_017 },
  { path: "soft/dangling", soft: "nowhere", time: 1_000_000_018 },
  { path: "soft/absolute", soft: "/etc/passwd", time: 1_000_000_019 },
  { path: "soft/up", soft: "../../../../etc", time: 1_000_000_020 },
  { path: "xa", time: 1_000_000_021, xattrs: { "user.folder": Buffer.from("F") } },
  { path: "xa/user", text: "U\n", time: 1_000_000_022, xattrs: { "user.k": Buffer.from("v") } },
  {
    path: "xa/cap",
    text: "C\n",
    mode: 0o755,
    time: 1_000_000_023,
    xattrs: { "security.capability": CAPABILITY },
  },
  { path: "sparse", isSparse: true, time: 1_000_000_024 },
];

type Member = Parameters<typeof tarHeader>[0] & { readonly body?: string };

const MEMBERS: readonly Member[] = [
  { name: "in", type: "directory", mode: 0o710, uid: 11, gid: 12 },
  { name: "in/f", type: "file", mode: 0o4711, uid: 13, gid: 14, body: "F\n" },
  { name: "in/h", type: "hardlink", linkName: "in/f", mode: 0o4711, uid: 13, gid: 14 },
  { name: "in/s", type: "symlink", linkName: "f", uid: 15, gid: 16 },
  { name: "in/p", type: "fifo", mode: 0o620 },
  { name: "in/c", type: "character-device", mode: 0o666, deviceMajor: 1, deviceMinor: 3 },
  {
    name: "in/cap",
    type: "file",
    mode: 0o755,
    body: "C\n",
    xattrs: new Map([["security.capability", CAPABILITY]]),
  },
  {
    name: "in/user",
    type: "file",
    body: "U\n",
    xattrs: new Map([["user.k", Buffer.from("v")]]),
  },
  { name: "deep/er/file", type: "file", body: "D\n", uid: 17, gid: 18 },
];
const MEMBER_SECONDS = 1_000_000_100n;

function archive(): Buffer {
  const pieces: Uint8Array[] = [];
  for (const { body = "", ...fields } of MEMBERS) {
    const bytes = Buffer.from(body);
    const mtimeNanoseconds = MEMBER_SECONDS * 1_000_000_000n;
    pieces.push(
      encodeTarHeader(tarHeader({ ...fields, mtimeNanoseconds, sizeBytes: bytes.length })),
      bytes,
      new Uint8Array((512 - (bytes.length % 512)) % 512),
    );
  }
  pieces.push(tarTrailer());
  return Buffer.concat(pieces);
}

/** As gzip without compression (RFC 1952, and RFC 1951, "Non-compressed blocks"): the same bytes by any version of zlib. */
function packed(plain: Buffer): Buffer {
  const head = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1]);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(Bun.hash.crc32(plain), 0);
  tail.writeUInt32LE(plain.length, 4);
  const lengths = Buffer.alloc(4);
  lengths.writeUInt16LE(plain.length, 0);
  lengths.writeUInt16LE(~plain.length & 0xffff, 2);
  return Buffer.concat([head, lengths, plain, tail]);
}

/** Fills a folder with a file of every kind that a context may have, and two archives of them. */
export function fillTreeContext(folder: string): void {
  const syscalls = openArchiveSyscalls();
  for (const entry of ENTRIES) {
    const path = join(folder, entry.path);
    mkdirSync(dirname(path), { recursive: true });
    if (entry.hard !== undefined) linkSync(join(folder, entry.hard), path);
    else if (entry.soft !== undefined) symlinkSync(entry.soft, path);
    else if (entry.isSparse === true) writeSparse(path);
    else if (entry.text === undefined) mkdirSync(path);
    else writeFileSync(path, entry.text);
    const [uid, gid] = entry.owner ?? [0, 0];
    if (entry.soft !== undefined) lchownSync(path, uid, gid);
    else if (entry.hard === undefined) {
      chownSync(path, uid, gid);
      chmodSync(path, entry.mode ?? (entry.text === undefined ? 0o755 : 0o644));
    }
    for (const [name, value] of Object.entries(entry.xattrs ?? {})) {
      syscalls.setXattr(path, name, value);
    }
  }
  const plain = archive();
  writeFileSync(join(folder, "t.tar"), plain, { mode: 0o644 });
  writeFileSync(join(folder, "t.tgz"), packed(plain), { mode: 0o644 });
  for (const name of ["t.tar", "t.tgz"]) syscalls.setTimes(join(folder, name), 1_000_000_025, 0);
  // last: what is made in a folder changes its time
  for (const { path, time } of ENTRIES) syscalls.setTimes(join(folder, path), time, 0);
  syscalls.setTimes(folder, 1_000_000_000, 0);
}

function writeSparse(path: string): void {
  const descriptor = openSync(path, "w", 0o644);
  try {
    writeSync(descriptor, "begin", 0);
    writeSync(descriptor, "end", SPARSE_BYTES / 2);
    ftruncateSync(descriptor, SPARSE_BYTES);
  } finally {
    closeSync(descriptor);
  }
}
