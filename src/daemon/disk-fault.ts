import { statfsSync } from "node:fs";
import { dirname } from "node:path";
import { type DiskFault, type DiskFaultCode, diskFaultOf } from "#base/disk-fault.ts";
import {
  FailedPreconditionError,
  messageOf,
  ResourceExhaustedError,
  type WharfError,
} from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import type { MountInfo, Mounts } from "#host/mounts.ts";

/** A file system as a person knows it. */
export interface FileSystemFacts {
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  readonly sizeBytes: number;
  readonly freeBytes: number;
  /** Zero where the file system has no fixed number of inodes. */
  readonly inodes: number;
  readonly freeInodes: number;
  readonly isReadOnly: boolean;
}

/** These answer with the same numbers for reasons that have nothing to do with a disk. */
const NO_DISK = /^(?:cgroup2?|sysfs|proc|devpts|securityfs|debugfs|tracefs|mqueue|bpf)$/;

/** The second is what ext4 shows after an error of the disk, from Linux 6.15 on. */
const READ_ONLY: readonly string[] = ["ro", "emergency_ro"];

/** Overlayfs says of a full disk that it is read-only: with less than this it is full. */
const FULL_BYTES = 64 * 1024;

/** What lies on the data root. */
const STACKED = /^(?:overlay|fuse\.fuse-overlayfs)$/;

/** With more than this free, a small write that finds no space has another reason. */
const THIN_BYTES = 128 * 1024 * 1024;

/** What is wrong with a file system, and what to do about it. */
export function explainDiskFault(code: DiskFaultCode, facts: FileSystemFacts): string {
  const place = `${facts.mountPoint} (${facts.type} on ${facts.source})`;
  const tidy =
    'see what uses it with "wharf system df -v", free some with "wharf system prune" or "wharf rm"';
  switch (trueCode(code, facts)) {
    case "ENOSPC":
      if (!hasNoInodes(facts) && facts.freeBytes > THIN_BYTES) {
        return `${place} takes no more, although it counts ${formatDecimalSize(facts.freeBytes, 3)} free: the device below it may be full`;
      }
      return hasNoInodes(facts)
        ? `${place} has none of its ${facts.inodes} inodes free; ${tidy}`
        : `${place} has ${formatDecimalSize(facts.freeBytes, 3)} of ` +
            `${formatDecimalSize(facts.sizeBytes, 3)} free; ${tidy}`;
    case "EDQUOT":
      return `the quota on ${place} is used up; raise it, or ${tidy}`;
    case "EROFS":
      return `${place} is read-only, as the kernel makes it after a fault of the disk: see dmesg, then remount it`;
    case "EIO":
      return `${place} does not read or write, its disk fails: see dmesg`;
  }
}

const REASONS: Readonly<Record<DiskFaultCode, string>> = {
  ENOSPC: "no space left on device",
  EDQUOT: "disk quota exceeded",
  EROFS: "read-only file system",
  EIO: "input/output error",
};

function trueCode(code: DiskFaultCode, facts: FileSystemFacts): DiskFaultCode {
  const isFull = facts.freeBytes < FULL_BYTES || hasNoInodes(facts);
  return code === "EROFS" && !facts.isReadOnly && isFull ? "ENOSPC" : code;
}

function hasNoInodes({ inodes, freeInodes }: FileSystemFacts): boolean {
  return inodes > 0 && freeInodes === 0;
}

/**
 * Gives errors that come from a full or failing disk the kind and the words that help; leaves all others.
 *
 * @param dataRoot Where an error without a path comes from.
 */
export function openDiskFaultExplainer(
  mounts: Pick<Mounts, "list">,
  dataRoot: string,
): (thrown: unknown) => unknown {
  return (thrown) => {
    const fault = diskFaultOf(thrown);
    if (!fault) return thrown;
    const found = readFacts(mounts.list(), fault.path ?? dataRoot);
    const facts = found && STACKED.test(found.type) ? readFacts(mounts.list(), dataRoot) : found;
    if (!facts || NO_DISK.test(facts.type)) return thrown;
    return explained(thrown, fault, facts);
  };
}

function explained(thrown: unknown, fault: DiskFault, facts: FileSystemFacts): WharfError {
  const code = trueCode(fault.code, facts);
  const reason = REASONS[code];
  const message = messageOf(thrown);
  const isSaid = message.toLowerCase().includes(reason);
  const Kind =
    code === "ENOSPC" || code === "EDQUOT" ? ResourceExhaustedError : FailedPreconditionError;
  const text = [message, ...(isSaid ? [] : [reason]), explainDiskFault(code, facts)].join(": ");
  return new Kind(text, { cause: thrown });
}

/** Of the nearest folder above `path` that is there. */
function readFacts(mounts: readonly MountInfo[], path: string): FileSystemFacts | undefined {
  for (let at = path; ; at = dirname(at)) {
    try {
      const stat = statfsSync(at);
      const deepest = deepestOf(mounts, at);
      if (!deepest) return undefined;
      return {
        mountPoint: deepest.target,
        type: deepest.fsType,
        source: deepest.source,
        sizeBytes: stat.blocks * stat.bsize,
        freeBytes: stat.bavail * stat.bsize,
        inodes: stat.files,
        freeInodes: stat.ffree,
        isReadOnly: [...deepest.options, ...deepest.superOptions].some((option) =>
          READ_ONLY.includes(option),
        ),
      };
    } catch {
      if (at === "/" || at === ".") return undefined; // nothing of it is left to look at
    }
  }
}

/** Mounts hide those before them at the same place. */
function deepestOf(mounts: readonly MountInfo[], path: string): MountInfo | undefined {
  let found: MountInfo | undefined;
  for (const mount of mounts) {
    const prefix = mount.target === "/" ? "/" : `${mount.target}/`;
    if (mount.target !== path && !path.startsWith(prefix)) continue;
    if (!found || mount.target.length >= found.target.length) found = mount;
  }
  return found;
}
