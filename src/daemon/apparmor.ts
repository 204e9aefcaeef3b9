import { readFileSync } from "node:fs";
import { messageOf } from "#base/errors.ts";
import type { Host } from "#host/host.ts";
import { findExecutable } from "./preflight.ts";

export const APPARMOR_PROFILE = "wharf-default";
const LOADED_PROFILES = "/sys/kernel/security/apparmor/profiles";

/**
 * What a container may do by AppArmor, as strict as Docker's: everything but mounting, and writing to what the
 * kernel shows of itself. A process of it may be signalled by unconfined ones, and traced by its like.
 */
export const APPARMOR_POLICY: string = `profile ${APPARMOR_PROFILE} flags=(attach_disconnected,mediate_deleted) {
  network,
  capability,
  file,
  umount,

  signal (receive) peer=unconfined,
  signal (receive) peer=runc,
  signal (receive) peer=crun,
  signal (send,receive) peer=${APPARMOR_PROFILE},
  ptrace (trace,read,tracedby,readby) peer=${APPARMOR_PROFILE},

  deny mount,
  deny /proc/* w,
  deny /proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/** w,
  deny /proc/sys/[^k]** w,
  deny /proc/sys/kernel/{?,??,[^s][^h][^m]**} w,
  deny /proc/sysrq-trigger rwklx,
  deny /proc/kcore rwklx,
  deny /sys/[^f]*/** wklx,
  deny /sys/f[^s]*/** wklx,
  deny /sys/fs/[^c]*/** wklx,
  deny /sys/fs/c[^g]*/** wklx,
  deny /sys/fs/cg[^r]*/** wklx,
  deny /sys/firmware/** rwklx,
  deny /sys/devices/virtual/powercap/** rwklx,
  deny /sys/kernel/security/** rwklx,
}
`;

/** @param text Lines of the kernel's list: `name (mode)`. */
export function hasProfile(text: string, name: string): boolean {
  return text.split("\n").some((line) => line.replace(/ \([a-z]+\)$/, "") === name);
}

/**
 * Loads the profile of containers that name none.
 *
 * @returns Its name; undefined where the host has no AppArmor, or, with a warning, where it cannot be loaded.
 */
export async function loadAppArmorProfile(
  host: Host,
  warn: (message: string) => void,
): Promise<string | undefined> {
  if (!host.system.securityModules.apparmor) return undefined;
  try {
    if (hasProfile(readFileSync(LOADED_PROFILES, "utf8"), APPARMOR_PROFILE))
      return APPARMOR_PROFILE;
    const parser = findExecutable(["apparmor_parser"], "/usr/sbin:/sbin:/usr/bin:/bin");
    if (parser === undefined) {
      warn("Containers run without AppArmor: there is no apparmor_parser, install apparmor");
      return undefined;
    }
    const loaded = await host.processes.run({ argv: [parser, "-K", "-r"], input: APPARMOR_POLICY });
    if (loaded.code === 0) return APPARMOR_PROFILE;
    warn(`Containers run without AppArmor: ${loaded.stderr.trim()}`);
  } catch (error) {
    warn(`Containers run without AppArmor: ${messageOf(error)}`);
  }
  return undefined;
}
