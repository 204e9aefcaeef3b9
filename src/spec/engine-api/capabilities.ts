import { InvalidArgumentError } from "#base/errors.ts";

/** Every capability of Linux 6.x, in the kernel's order. */
export const ALL_CAPABILITIES: readonly string[] = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE " +
  "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO " +
  "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME " +
  "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG " +
  "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

/** What a container has unless told otherwise: Docker's set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

const KNOWN: ReadonlySet<string> = new Set(ALL_CAPABILITIES);

/**
 * Brings `net_admin`, `NET_ADMIN` and `CAP_NET_ADMIN` to the last form; `ALL` stays `ALL`.
 *
 * @throws {InvalidArgumentError} `unknown capability: "CAP_X"`
 */
export function parseCapability(text: string): string {
  const upper = text.toUpperCase();
  if (upper === "ALL") return upper;
  const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
  if (!KNOWN.has(name)) {
    throw new InvalidArgumentError(`unknown capability: ${JSON.stringify(name)}`);
  }
  return name;
}

/**
 * The capabilities of a container.
 *
 * @param add Parsed names; `ALL` gives every one that is in no way dropped.
 * @param drop Parsed names; `ALL` drops every one that is not added.
 * @returns In the kernel's order, without doubles.
 */
export function effectiveCapabilities(
  add: readonly string[],
  drop: readonly string[],
): readonly string[] {
  const wanted = new Set<string>();
  if (add.includes("ALL")) {
    for (const name of ALL_CAPABILITIES) if (!drop.includes(name)) wanted.add(name);
  } else {
    if (!drop.includes("ALL")) {
      for (const name of DEFAULT_CAPABILITIES) if (!drop.includes(name)) wanted.add(name);
    }
    for (const name of add) wanted.add(name);
  }
  return ALL_CAPABILITIES.filter((name) => wanted.has(name));
}
