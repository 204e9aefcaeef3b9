import { FailedPreconditionError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import type { Mount } from "#spec/oci-runtime.ts";
import type { OciSpecInput, SpecMount } from "./input.ts";
import { INIT_DESTINATION } from "./process.ts";
import { isAtLeast } from "./seccomp.ts";
import type { SecurityOptions } from "./security-options.ts";

/**
 * Files below /proc that may be mounted over: they only report (lxcfs). runc's list; everything else there is
 * what the runtime itself confines the container by, and crun lets a volume of the image take its place.
 */
const COVERABLE_IN_PROC: ReadonlySet<string> = new Set([
  "/proc/cpuinfo",
  "/proc/diskstats",
  "/proc/loadavg",
  "/proc/meminfo",
  "/proc/net/dev",
  "/proc/slabinfo",
  "/proc/stat",
  "/proc/swaps",
  "/proc/sys/crypto/fips_enabled",
  "/proc/sys/kernel/ns_last_pid",
  "/proc/uptime",
]);

/**
 * The kernel's file systems first, then the engine's files and the user's mounts from the shallowest to
 * the deepest, so that `/a/b` lands in what `/a` brought. A user's mount takes the place of an engine's
 * at the same path.
 *
 * @throws {FailedPreconditionError} A mount on `/` or on what the kernel has in /proc.
 */
export function planMounts(input: OciSpecInput, security: SecurityOptions): readonly Mount[] {
  const taken = new Set(input.mounts.map((mount) => mount.destination));
  const isFree = (mount: Mount) => !taken.has(mount.destination);
  for (const mount of input.mounts) checkDestination(mount);
  const users = input.mounts.map((mount) => userMount(mount, input.host.kernelRelease));
  return [
    ...systemMounts(input, security).filter(isFree),
    ...deviceMounts(input),
    ...[...fileMounts(input).filter(isFree), ...users].toSorted(
      (a, b) => depth(a.destination) - depth(b.destination),
    ),
  ];
}

function checkDestination({ kind, source, destination }: SpecMount): void {
  const path = cleanPath(`/${destination}`);
  const refuse = (why: string): never => {
    throw new FailedPreconditionError(
      `error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(destination)}: ${why}`,
    );
  };
  if (path === "/") refuse("destination can't be '/'");
  if (path === "/proc" && !(kind === "bind" && source === "/proc")) {
    refuse('"/proc" cannot be mounted because it is not of type proc');
  }
  if (path.startsWith("/proc/") && !COVERABLE_IN_PROC.has(path)) {
    refuse(`${JSON.stringify(path)} cannot be mounted because it is inside /proc`);
  }
}

function depth(path: string): number {
  return path.split("/").filter((part) => part !== "").length;
}

function systemMounts(input: OciSpecInput, security: SecurityOptions): readonly Mount[] {
  const { hostConfig } = input;
  const isWritable = hostConfig.Privileged;
  const cgroupAccess = isWritable || security.writableCgroups ? "rw" : "ro";
  return [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {
      destination: "/sys",
      type: "sysfs",
      source: "sysfs",
      options: ["nosuid", "noexec", "nodev", isWritable ? "rw" : "ro"],
    },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [cgroupAccess, "nosuid", "noexec", "nodev"],
    },
    ...messageQueues(input),
    ...sharedMemory(input),
  ];
}

/** Those of the host's IPC namespace cannot be mounted in a user namespace that does not own it. */
function messageQueues(input: OciSpecInput): readonly Mount[] {
  if (input.users && input.hostConfig.IpcMode === "host") {
    return [bindMount("/dev/mqueue", "/dev/mqueue", "rw")];
  }
  return [
    {
      destination: "/dev/mqueue",
      type: "mqueue",
      source: "mqueue",
      options: ["nosuid", "noexec", "nodev"],
    },
  ];
}

function deviceMounts({ users, devices }: OciSpecInput): readonly Mount[] {
  if (!users) return [];
  return devices.map(({ hostPath, device }) => bindMount(hostPath, device.path, "rw"));
}

function bindMount(source: string, destination: string, access: "ro" | "rw"): Mount {
  return { destination, type: "bind", source, options: ["rbind", "rprivate", access] };
}

function sharedMemory(input: OciSpecInput): readonly Mount[] {
  const { IpcMode, ShmSize } = input.hostConfig;
  if (IpcMode === "none") return [];
  const source = IpcMode === "host" ? "/dev/shm" : input.sharedMemoryPath;
  if (source !== undefined) {
    return [
      { destination: "/dev/shm", type: "bind", source, options: ["rbind", "rprivate", "rw"] },
    ];
  }
  return [
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${ShmSize}`],
    },
  ];
}

function fileMounts(input: OciSpecInput): readonly Mount[] {
  // A read-only root covers them too: they are part of what the image seems to have.
  const access = input.hostConfig.ReadonlyRootfs ? "ro" : "rw";
  const { files, initPath } = input;
  return [
    bindMount(files.resolvConfPath, "/etc/resolv.conf", access),
    bindMount(files.hostnamePath, "/etc/hostname", access),
    bindMount(files.hostsPath, "/etc/hosts", access),
    ...(initPath === undefined ? [] : [bindMount(initPath, INIT_DESTINATION, "ro")]),
  ];
}

/** With mount_setattr(2), which makes a whole tree read-only. */
const RECURSIVE_READ_ONLY_KERNEL = "5.12";

export function canMakeTreesReadOnly(kernelRelease: string): boolean {
  return isAtLeast(kernelRelease, RECURSIVE_READ_ONLY_KERNEL);
}

const TMPFS_DEFAULTS = ["noexec", "nosuid", "nodev"];

/** Not every runtime lets a later `exec` undo `noexec`. */
function isUndone(flag: string, { options }: SpecMount): boolean {
  return options.includes(flag.slice("no".length));
}

function userMount(mount: SpecMount, kernelRelease: string): Mount {
  if (mount.kind === "tmpfs") {
    return {
      destination: mount.destination,
      type: "tmpfs",
      source: "tmpfs",
      options: [...TMPFS_DEFAULTS.filter((flag) => !isUndone(flag, mount)), ...mount.options],
    };
  }
  return {
    destination: mount.destination,
    type: "bind",
    source: mount.source,
    options: [
      mount.recursive === false ? "bind" : "rbind",
      ...mount.options,
      mount.propagation === "" ? "rprivate" : mount.propagation,
      accessOf(mount, kernelRelease),
    ],
  };
}

/** Read-only with all that is mounted below, as Docker does since 25, where the kernel can. */
function accessOf(mount: SpecMount, kernelRelease: string): "ro" | "rro" | "rw" {
  if (!mount.readOnly) return "rw";
  // crun 1.8 opens the target of `rro` as a folder
  const isShallow =
    mount.isFile === true || mount.recursive === false || mount.hasWritableSubmounts === true;
  return !isShallow && canMakeTreesReadOnly(kernelRelease) ? "rro" : "ro";
}
