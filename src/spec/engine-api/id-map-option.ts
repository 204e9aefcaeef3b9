import { InvalidArgumentError } from "#base/errors.ts";
import { type IdMappings, type IdRange, toHostId } from "#base/id-mappings.ts";

/** What `idmap` of a mount asks for. */
export type IdMapOption =
  /** The ids of the container's user namespace. */
  | { readonly kind: "container" }
  | {
      readonly kind: "custom";
      readonly users: readonly MountIdRange[];
      readonly groups: readonly MountIdRange[];
    };

/** `diskId + n` on disk is `hostId + n` in the mount, for n below `size`. */
export interface MountIdRange {
  readonly diskId: number;
  readonly hostId: number;
  readonly size: number;
  /** `hostId` is an id of the container's user namespace rather than of the host. */
  readonly isRelative: boolean;
}

const MAX_ID = 2 ** 32 - 2;
const MAX_RANGES = 340; // of the kernel's uid_map

/**
 * Reads Podman's syntax: nothing, or `uids=1000-0-1#2000-1-10;gids=1000-0-1`; each part is the id on disk, the
 * id in the mount, and how many; with `@` before it the second is the container's. One of the two kinds is
 * enough: the other is the same then.
 *
 * @throws {InvalidArgumentError} It is none.
 */
export function parseIdMapOption(text: string): IdMapOption {
  if (text === "") return { kind: "container" };
  const invalid = (reason: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `invalid idmap ${JSON.stringify(text)}: ${reason}; want uids=DISK-MOUNT-COUNT[#…];gids=DISK-MOUNT-COUNT[#…]`,
    );
  const found = new Map<string, readonly MountIdRange[]>();
  for (const part of text.split(";")) {
    const [, kind, ranges] = /^(uids|gids)=(.+)$/.exec(part) ?? [];
    if (kind === undefined || ranges === undefined || found.has(kind)) throw invalid(`${part}`);
    found.set(kind, parseRanges(ranges, invalid));
  }
  const users = found.get("uids");
  const groups = found.get("gids");
  return { kind: "custom", users: users ?? groups ?? [], groups: groups ?? users ?? [] };
}

function parseRanges(
  text: string,
  invalid: (reason: string) => InvalidArgumentError,
): readonly MountIdRange[] {
  const ranges = text.split("#").map((each): MountIdRange => {
    const match = /^(@?)(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(each);
    if (!match) throw invalid(each);
    const [, at, disk, host, count] = match;
    const range = {
      diskId: Number(disk),
      hostId: Number(host),
      size: Number(count),
      isRelative: at === "@",
    };
    const highest = Math.max(range.diskId, range.hostId) + range.size - 1;
    if (range.size < 1 || highest > MAX_ID) throw invalid(`${each} is out of range`);
    return range;
  });
  if (ranges.length > MAX_RANGES) throw invalid(`more than ${MAX_RANGES} ranges`);
  for (const start of ["diskId", "hostId"] as const) {
    const sorted = ranges.toSorted((left, right) => left[start] - right[start]);
    const overlaps = sorted.some((range, index) => {
      const next = sorted[index + 1];
      return next !== undefined && range[start] + range.size > next[start];
    });
    if (overlaps) throw invalid("its ranges overlap");
  }
  return ranges;
}

/**
 * The mapping that the kernel is to be given.
 *
 * @param container Of the container's user namespace; absent where it has none of its own.
 * @throws {InvalidArgumentError} It has none and is asked for, or does not know an id.
 */
export function planIdMap(option: IdMapOption, container: IdMappings | undefined): IdMappings {
  if (option.kind === "container") {
    if (container) return container;
    throw new InvalidArgumentError(
      "idmap without ids needs a container with a user namespace (--userns-remap of the engine); name them: idmap=uids=1000-0-1;gids=1000-0-1",
    );
  }
  return {
    users: option.users.map((range) => toRange(range, container?.users)),
    groups: option.groups.map((range) => toRange(range, container?.groups)),
  };
}

function toRange(range: MountIdRange, container: readonly IdRange[] | undefined): IdRange {
  const { diskId, hostId, size, isRelative } = range;
  if (!isRelative || container === undefined) return { containerId: diskId, hostId, size };
  const first = toHostId(container, hostId);
  const last = toHostId(container, hostId + size - 1);
  if (first === undefined || last !== first + size - 1) {
    throw new InvalidArgumentError(
      `invalid idmap: the container's user namespace has no ids ${hostId} to ${hostId + size - 1} in one piece`,
    );
  }
  return { containerId: diskId, hostId: first, size };
}
