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

/** What the kernel shows for an owner without a counterpart: `nobody`. */
export const OVERFLOW_ID = 65_534;

/** @returns The overflow id for an id of the host that has no counterpart. */
export function toContainerId(ranges: readonly IdRange[], hostId: number): number {
  const range = ranges.find((each) => hostId >= each.hostId && hostId < each.hostId + each.size);
  return range ? range.containerId + (hostId - range.hostId) : OVERFLOW_ID;
}

/** As /proc/PID/uid_map takes it and, blanks aside, shows it. */
export function formatIdRanges(ranges: readonly IdRange[]): string {
  return ranges
    .map(({ containerId, hostId, size }) => `${containerId} ${hostId} ${size}\n`)
    .join("");
}
