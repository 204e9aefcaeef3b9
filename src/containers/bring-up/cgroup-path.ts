import { InvalidArgumentError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerSettings } from "#containers/parts.ts";

type Settings = Pick<ContainerSettings, "cgroupParent" | "usesSystemdCgroups">;
interface Subject extends Pick<ContainerRecord, "id"> {
  readonly hostConfig: Pick<ContainerRecord["hostConfig"], "CgroupParent">;
}

/** @throws {InvalidArgumentError} A parent that systemd cannot have: in the words of dockerd. */
export function checkCgroupParent(
  settings: Pick<ContainerSettings, "usesSystemdCgroups">,
  parent: string,
): void {
  if (!settings.usesSystemdCgroups || parent === "" || /^[^/-][^/]*\.slice$/.test(parent)) return;
  throw new InvalidArgumentError(
    'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
  );
}

/** The specification's `cgroupsPath`: `/wharf/<id>`; `system.slice:wharf:<id>` with systemd. */
export function specCgroupPath(settings: Settings, record: Subject): string {
  const parent = record.hostConfig.CgroupParent || settings.cgroupParent;
  if (settings.usesSystemdCgroups) return `${parent}:wharf:${record.id}`;
  return cleanPath(`/${parent}/${record.id}`);
}

/** Where the container's cgroup is, below the hierarchies' roots. */
export function cgroupPathOf(settings: Settings, record: Subject): string {
  if (!settings.usesSystemdCgroups) return specCgroupPath(settings, record);
  const slice = record.hostConfig.CgroupParent || settings.cgroupParent;
  return `${slicePath(slice)}/wharf-${record.id}.scope`;
}

/** The group that the containers' own are in, unless `--cgroup-parent` says else. */
export function parentCgroupPath(settings: Settings): string {
  return settings.usesSystemdCgroups
    ? slicePath(settings.cgroupParent)
    : cleanPath(`/${settings.cgroupParent}`);
}

/** systemd nests by dashes: `a-b.slice` lies in `a.slice`. */
function slicePath(slice: string): string {
  const parts = slice.replace(/\.slice$/, "").split("-");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("-")}.slice`).join("");
}
