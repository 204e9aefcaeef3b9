import { lstatSync, readdirSync, type Stats, statSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { DeviceMapping, HostConfig, Resources } from "#spec/engine-api/host-config.ts";
import type { SpecDevice } from "./input.ts";

/** Set up by the runtime in every container, or meaningless there. */
const NOT_PASSED_ON: ReadonlySet<string> = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  "console",
  ".lxc",
  ".lxd-mounts",
  ".udev",
]);

/**
 * The device nodes of the host that the container asks for; all of them when it is privileged.
 *
 * @throws {FailedPreconditionError} "error gathering device information while adding custom device …".
 */
export function readDevices(
  hostConfig: Pick<HostConfig, "Privileged" | "Devices">,
): readonly SpecDevice[] {
  const all = hostConfig.Privileged ? devicesBelow("/dev", "/dev", "rwm") : [];
  const asked = hostConfig.Devices.flatMap(devicesOf);
  const paths = new Set(asked.map(({ device }) => device.path));
  return [...all.filter(({ device }) => !paths.has(device.path)), ...asked];
}

/** Major and minor numbers of the devices that I/O limits name; those that are none are left out. */
export function readDeviceNumbers(
  hostConfig: Resources,
): ReadonlyMap<string, readonly [major: number, minor: number]> {
  const limits = [
    ...hostConfig.BlkioWeightDevice,
    ...hostConfig.BlkioDeviceReadBps,
    ...hostConfig.BlkioDeviceWriteBps,
    ...hostConfig.BlkioDeviceReadIOps,
    ...hostConfig.BlkioDeviceWriteIOps,
  ];
  return new Map(
    limits.flatMap(({ Path }) => {
      const stats = statSync(Path, { throwIfNoEntry: false });
      return stats?.isBlockDevice() ? [[Path, numbersOf(stats)] as const] : [];
    }),
  );
}

/** A device node of the host; undefined where the path is none. */
export function tryReadDevice(path: string): Omit<SpecDevice["device"], "path"> | undefined {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats || !(isDevice(stats) || stats.isFIFO())) return undefined;
  const { device } = specDevice(path, path, stats, "rwm");
  return stats.isFIFO() ? { type: "p", fileMode: stats.mode & 0o7777 } : device;
}

function devicesOf(mapping: DeviceMapping): readonly SpecDevice[] {
  const { PathOnHost, PathInContainer, CgroupPermissions } = mapping;
  const access = CgroupPermissions === "" ? "rwm" : CgroupPermissions;
  const destination = PathInContainer === "" ? PathOnHost : PathInContainer;
  const stats = statSync(PathOnHost, { throwIfNoEntry: false });
  if (!stats) {
    throw new FailedPreconditionError(
      `error gathering device information while adding custom device "${PathOnHost}": no such file or directory`,
    );
  }
  if (stats.isDirectory()) return devicesBelow(PathOnHost, destination, access);
  if (!isDevice(stats)) {
    throw new FailedPreconditionError(
      `error gathering device information while adding custom device "${PathOnHost}": not a device node`,
    );
  }
  return [specDevice(PathOnHost, destination, stats, access)];
}

function devicesBelow(directory: string, destination: string, access: string): SpecDevice[] {
  return readdirSync(directory).flatMap((name): SpecDevice[] => {
    if (NOT_PASSED_ON.has(name)) return [];
    const path = join(directory, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return devicesBelow(path, join(destination, name), access);
    return stats && isDevice(stats)
      ? [specDevice(path, join(destination, name), stats, access)]
      : [];
  });
}

function isDevice(stats: Stats): boolean {
  return stats.isBlockDevice() || stats.isCharacterDevice();
}

/** makedev(3) of glibc, backwards. */
function numbersOf(stats: Stats): readonly [major: number, minor: number] {
  const device = BigInt(stats.rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return [Number(major), Number(minor & 0xffffffffn)];
}

function specDevice(hostPath: string, path: string, stats: Stats, access: string): SpecDevice {
  const [major, minor] = numbersOf(stats);
  return {
    device: {
      type: stats.isBlockDevice() ? "b" : "c",
      path,
      major,
      minor,
      fileMode: stats.mode & 0o7777,
      uid: stats.uid,
      gid: stats.gid,
    },
    hostPath,
    access,
  };
}
