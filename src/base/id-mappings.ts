/** A range of ids: `containerId + n` inside a user namespace is `hostId + n` outside, for n below `size`. */
export interface IdRange {
  readonly containerId: number;
  readonly hostId: number;
  readonly size: number;
}

export interface IdMappings {
  readonly users: readonly IdRange[];
  readonly groups: readonly IdRange[];
}

/** @returns Undefined for an id that has no counterpart on the host. */
export function toHostId(ranges: readonly IdRange[], containerId: number): number | undefined {
  const range = ranges.find(
    (each) => containerId >= each.containerId && containerId < each.containerId + each.size,
  );
  return range && range.hostId + (containerId - range.containerId);
}

/** As /proc/PID/uid_map takes it and, blanks aside, shows it. */
export function formatIdRanges(ranges: readonly IdRange[]): string {
  return ranges
    .map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`)
    .join("");
}
