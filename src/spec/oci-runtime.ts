/**
 * `config.json` of a bundle: runtime-spec 1.1, the parts for Linux, in the document's own names.
 * Types only: what we write we built ourselves, and the runtime checks it.
 */
export interface Spec {
  readonly ociVersion: string;
  readonly process?: Process;
  readonly root: Root;
  readonly hostname?: string;
  readonly domainname?: string;
  readonly mounts: readonly Mount[];
  readonly hooks?: Hooks;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly linux: Linux;
}

export interface Root {
  /** Absolute, or relative to the bundle. */
  readonly path: string;
  readonly readonly?: boolean;
}

export interface Process {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly cwd: string;
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly args: readonly string[];
  readonly user: User;
  readonly rlimits?: readonly Rlimit[];
  readonly capabilities?: Capabilities;
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly selinuxLabel?: string;
  readonly oomScoreAdj?: number;
  readonly scheduler?: Scheduler;
  readonly ioPriority?: IoPriority;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  readonly umask?: number;
  readonly additionalGids?: readonly number[];
}

export interface Rlimit {
  /** `RLIMIT_NOFILE` and the like. */
  readonly type: string;
  readonly hard: number;
  readonly soft: number;
}

/** Names with `CAP_`. */
export interface Capabilities {
  readonly bounding?: readonly string[];
  readonly effective?: readonly string[];
  readonly inheritable?: readonly string[];
  readonly permitted?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface Scheduler {
  readonly policy: string;
  readonly nice?: number;
  readonly priority?: number;
  readonly flags?: readonly string[];
  readonly runtime?: number;
  readonly deadline?: number;
  readonly period?: number;
}

export interface IoPriority {
  readonly class: "IOPRIO_CLASS_RT" | "IOPRIO_CLASS_BE" | "IOPRIO_CLASS_IDLE";
  readonly priority: number;
}

export interface Mount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
}

export interface Hooks {
  readonly prestart?: readonly Hook[];
  readonly createRuntime?: readonly Hook[];
  readonly createContainer?: readonly Hook[];
  readonly startContainer?: readonly Hook[];
  readonly poststart?: readonly Hook[];
  readonly poststop?: readonly Hook[];
}

export interface Hook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

export interface Linux {
  readonly namespaces: readonly Namespace[];
  readonly uidMappings?: readonly IdMapping[];
  readonly gidMappings?: readonly IdMapping[];
  readonly timeOffsets?: Readonly<
    Record<string, { readonly secs: number; readonly nanosecs: number }>
  >;
  readonly devices?: readonly Device[];
  readonly cgroupsPath?: string;
  readonly resources?: Resources;
  readonly rootfsPropagation?: "shared" | "slave" | "private" | "unbindable";
  readonly seccomp?: Seccomp;
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly mountLabel?: string;
  readonly personality?: { readonly domain: "LINUX" | "LINUX32" };
}

export type NamespaceType =
  | "pid"
  | "network"
  | "mount"
  | "ipc"
  | "uts"
  | "user"
  | "cgroup"
  | "time";

export interface Namespace {
  readonly type: NamespaceType;
  /** Joins this namespace; a new one when absent. */
  readonly path?: string;
}

export interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface Device {
  readonly type: "c" | "b" | "u" | "p";
  readonly path: string;
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Resources {
  readonly devices?: readonly DeviceCgroup[];
  readonly memory?: MemoryResources;
  readonly cpu?: CpuResources;
  readonly pids?: { readonly limit: number };
  readonly blockIO?: BlockIoResources;
  readonly hugepageLimits?: readonly { readonly pageSize: string; readonly limit: number }[];
  readonly network?: {
    readonly classID?: number;
    readonly priorities?: readonly { readonly name: string; readonly priority: number }[];
  };
  readonly rdma?: Readonly<
    Record<string, { readonly hcaHandles?: number; readonly hcaObjects?: number }>
  >;
  /** Cgroup v2 files and what to write into them. */
  readonly unified?: Readonly<Record<string, string>>;
}

export interface DeviceCgroup {
  readonly allow: boolean;
  /** `a` is every device. */
  readonly type?: "a" | "c" | "b";
  readonly major?: number;
  readonly minor?: number;
  /** Any of `r`, `w`, `m`. */
  readonly access?: string;
}

/** Bytes; -1 is no limit. */
export interface MemoryResources {
  readonly limit?: number;
  readonly reservation?: number;
  /** Memory and swap together. */
  readonly swap?: number;
  readonly kernel?: number;
  readonly kernelTCP?: number;
  readonly swappiness?: number;
  readonly disableOOMKiller?: boolean;
  readonly useHierarchy?: boolean;
  readonly checkBeforeUpdate?: boolean;
}

/** Periods, quotas and runtimes in microseconds. */
export interface CpuResources {
  readonly shares?: number;
  readonly quota?: number;
  readonly burst?: number;
  readonly period?: number;
  readonly realtimeRuntime?: number;
  readonly realtimePeriod?: number;
  readonly cpus?: string;
  readonly mems?: string;
  readonly idle?: number;
}

export interface BlockIoResources {
  readonly weight?: number;
  readonly leafWeight?: number;
  readonly weightDevice?: readonly WeightDevice[];
  readonly throttleReadBpsDevice?: readonly ThrottleDevice[];
  readonly throttleWriteBpsDevice?: readonly ThrottleDevice[];
  readonly throttleReadIOPSDevice?: readonly ThrottleDevice[];
  readonly throttleWriteIOPSDevice?: readonly ThrottleDevice[];
}

export interface WeightDevice {
  readonly major: number;
  readonly minor: number;
  readonly weight?: number;
  readonly leafWeight?: number;
}

export interface ThrottleDevice {
  readonly major: number;
  readonly minor: number;
  readonly rate: number;
}

export interface Seccomp {
  readonly defaultAction: SeccompAction;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls?: readonly SeccompRule[];
}

export type SeccompAction =
  | "SCMP_ACT_KILL"
  | "SCMP_ACT_KILL_PROCESS"
  | "SCMP_ACT_KILL_THREAD"
  | "SCMP_ACT_TRAP"
  | "SCMP_ACT_ERRNO"
  | "SCMP_ACT_TRACE"
  | "SCMP_ACT_ALLOW"
  | "SCMP_ACT_LOG"
  | "SCMP_ACT_NOTIFY";

export interface SeccompRule {
  readonly names: readonly string[];
  readonly action: SeccompAction;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[];
}

export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op:
    | "SCMP_CMP_NE"
    | "SCMP_CMP_LT"
    | "SCMP_CMP_LE"
    | "SCMP_CMP_EQ"
    | "SCMP_CMP_GE"
    | "SCMP_CMP_GT"
    | "SCMP_CMP_MASKED_EQ";
}
