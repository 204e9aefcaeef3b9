import type { IdMappings } from "#base/id-mappings.ts";
import type { Capabilities, Device } from "#spec/oci-runtime.ts";
import type { ContainerConfig } from "#spec/engine-api/container-config.ts";
import type { HostConfig, Ulimit } from "#spec/engine-api/host-config.ts";
import type { SeccompProfile } from "./seccomp.ts";
import type { ResolvedUser } from "./user.ts";

/** A mount whose source is ready on the host. */
export interface SpecMount {
  readonly kind: "bind" | "tmpfs";
  /** Absolute path on the host; for tmpfs `tmpfs`. */
  readonly source: string;
  /** Absolute, clean path in the container. */
  readonly destination: string;
  readonly readOnly: boolean;
  /** `rprivate`, `rslave`, …; empty for the default. */
  readonly propagation: string;
  /** Mount options as mount(8) has them: `size=64m`, `noexec`. */
  readonly options: readonly string[];
  /** The source is no folder: nothing can be mounted below it. */
  readonly isFile?: boolean;
  /** False binds the folder only, not what is mounted below it. */
  readonly recursive?: boolean;
  /** Of a read-only bind: what is mounted below it stays writable (`bind-recursive=writable`). */
  readonly hasWritableSubmounts?: boolean;
}

/** What the specification depends on of the host. */
export interface SpecHost {
  /** GOARCH's word: `amd64`, `arm64`. */
  readonly architecture: string;
  /** `6.18.44`, for rules of seccomp that need a kernel. */
  readonly kernelRelease: string;
  readonly isCgroupV2: boolean;
  readonly usesSystemdCgroups: boolean;
  readonly hasSeccomp: boolean;
  readonly hasAppArmor: boolean;
  /** Profile of containers that name none; absent where there is none. */
  readonly appArmorProfile?: string;
  readonly isNoNewPrivilegesDefault: boolean;
  /** Capabilities that the daemon itself may hand on. */
  readonly capabilities: readonly string[];
  /** `nofile` → hard limit of the daemon; Infinity for none. */
  readonly hardLimits: Readonly<Record<string, number>>;
  readonly hostname: string;
}

/** A device node of the host that the container gets, as stat(2) shows it. */
export interface SpecDevice {
  readonly device: Device;
  /** Where the host has it. */
  readonly hostPath: string;
  /** `rwm` or fewer. */
  readonly access: string;
}

export interface OciSpecInput {
  readonly containerId: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** Entry point and its arguments. */
  readonly args: readonly string[];
  readonly user: ResolvedUser;
  /** Variables of legacy links. */
  readonly linkedEnvironment?: readonly string[];
  readonly rootPath: string;
  readonly mounts: readonly SpecMount[];
  /** Sources of /etc/hostname, /etc/hosts and /etc/resolv.conf. */
  readonly files: {
    readonly hostnamePath: string;
    readonly hostsPath: string;
    readonly resolvConfPath: string;
  };
  /** Pin of the network namespace; the host's when absent. */
  readonly networkNamespacePath?: string;
  /** Namespace files of `--ipc container:X` and `--pid container:X`. */
  readonly joined: { readonly ipcPath?: string; readonly pidPath?: string };
  /** The user namespace to be in; the host's when absent. */
  readonly users?: { readonly path: string; readonly mappings: IdMappings };
  /** A tmpfs of the host for /dev/shm, where others may join the container's IPC. */
  readonly sharedMemoryPath?: string;
  /** `/wharf/<id>`, or `slice:wharf:<id>` with systemd. */
  readonly cgroupPath: string;
  /** The init binary to mount and run first. */
  readonly initPath?: string;
  /** Docker's format; absent where the host has no seccomp. */
  readonly defaultSeccompProfile?: SeccompProfile;
  readonly devices: readonly SpecDevice[];
  /** Numbers of block devices that I/O limits name: path → [major, minor]. */
  readonly deviceNumbers: ReadonlyMap<string, readonly [major: number, minor: number]>;
  /** The daemon's `--default-ulimit`. */
  readonly defaultUlimits: readonly Ulimit[];
  readonly host: SpecHost;
}

/** The same set in each of the sets that a new process has; ambient stays empty, as Docker's. */
export function capabilitySets(names: readonly string[]): Capabilities {
  return { bounding: names, effective: names, permitted: names };
}
