/** Facts about the machine that do not change while the daemon runs, but for those that say "now". */
export interface System {
  readonly bootId: string;
  readonly hostname: string;
  /** uname -r, uname -v */
  readonly kernelRelease: string;
  readonly kernelVersion: string;
  /** `x86_64`, as uname -m. */
  readonly machine: string;
  /** PRETTY_NAME and VERSION_ID of os-release. */
  readonly osName: string;
  readonly osVersion: string;
  readonly cpuCount: number;
  readonly memoryBytes: number;
  readonly isRoot: boolean;
  /** Capabilities that the daemon has in its bounding set, `CAP_…`. */
  readonly capabilities: readonly string[];
  /** Whether seccomp filters, AppArmor and SELinux are there. */
  readonly securityModules: {
    readonly seccomp: boolean;
    readonly apparmor: boolean;
    readonly selinux: boolean;
  };
  /** getrlimit: `nofile`, `nproc`, … → bytes or counts; Infinity for unlimited. */
  readonly limits: Readonly<Record<string, { readonly soft: number; readonly hard: number }>>;
  /** Resource use of the whole host's CPUs now, in nanoseconds of CPU time since boot. */
  cpuUsageNanos(): number;
  /** Id of group `name`, when the host has it. */
  groupId(name: string): number | undefined;
  /** The daemon's own figures now. */
  ownUsage(): { readonly openFiles: number; readonly residentBytes: number };
}
