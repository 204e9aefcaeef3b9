import {
  closeSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";

/**
 * The spool of a container: what conmon writes and the daemon has not taken over yet.
 *
 *     container.log.00000007   left by conmon, oldest first
 *     container.log            conmon writes it
 *
 * conmon's own size cap (the backstop while no daemon runs) puts a new file in place of `container.log`,
 * whose content is lost then.
 */
const CURRENT = "container.log";
const ROTATED = /^container\.log\.(\d{8})$/;
/** conmon opens its next file under this name and renames it (conmon, src/ctr_logging.c). */
const NEXT = "container.log.tmp";
const HEAD_BYTES = 48;

export interface Segment {
  readonly path: string;
  readonly inode: number;
  readonly sizeBytes: number;
  /** Grows from one to the next; infinite for the one that conmon writes, or will when it runs. */
  readonly number: number;
}

export function isCurrent(segment: Segment): boolean {
  return segment.number === Number.POSITIVE_INFINITY;
}

export function spoolPath(directory: string): string {
  return join(directory, CURRENT);
}

/**
 * Oldest first.
 *
 * @param hasAside False where the caller knows that none is put aside: the folder is not read.
 */
export function listSegments(directory: string, hasAside = true): readonly Segment[] {
  const rotated = hasAside ? rotatedNames(directory) : [];
  const segments: Segment[] = [];
  for (const name of [...rotated, CURRENT]) {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (!stat) continue;
    const number = Number(name.match(ROTATED)?.[1] ?? Number.POSITIVE_INFINITY);
    segments.push({ path, inode: stat.ino, sizeBytes: stat.size, number });
  }
  return segments;
}

function rotatedNames(directory: string): readonly string[] {
  return namesIn(directory)
    .filter((name) => ROTATED.test(name))
    .sort();
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

/**
 * Puts `container.log` aside. conmon goes on in it until it is told to reopen.
 *
 * conmon ends, and its container with it, when it cannot open its next file: that one is made here before,
 * so that a full or read-only disk is met here.
 *
 * @throws What `node:fs` throws; nothing was renamed.
 */
export function putCurrentAside(directory: string, number: number): void {
  writeFileSync(join(directory, NEXT), "", { mode: 0o600 });
  const name = `${CURRENT}.${String(number).padStart(8, "0")}`;
  renameSync(join(directory, CURRENT), join(directory, name));
}

/**
 * conmon truncates its next file as it opens it, and of a truncated file ext4 writes all there is to the disk when it
 * is next closed, by whomever (auto_da_alloc). So it is closed once while it is short: else each segment went to the
 * disk as conmon left it, just to be deleted.
 */
export async function forgetTruncation(path: string): Promise<void> {
  const file = await open(path, "r");
  await file.close();
}

export function removeSegment(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  }
}

/**
 * The first bytes of a segment, which begin with a time in nanoseconds: they tell segments apart, as inode
 * numbers, which are used again, do not.
 */
export function headOf(path: string): string {
  const fd = openSync(path, "r");
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.toString("latin1", 0, readSync(fd, head, 0, HEAD_BYTES, 0));
  } finally {
    closeSync(fd);
  }
}
