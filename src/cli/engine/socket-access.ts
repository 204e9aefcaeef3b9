import { readFileSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { messageOf } from "#base/errors.ts";

/** Permission to write for the group. */
const GROUP_WRITE = 0o020;

/** What to do about a socket that may not be connected to: which group may. */
export function socketAccessHint(endpoint: string): string {
  const path = /^unix:\/\/(\/.*)$/.exec(endpoint)?.[1];
  const general = "Run it as root, or as a member of the group that owns the socket";
  if (path === undefined) return general;
  try {
    const { gid, mode } = statSync(path);
    const group = groupName(readFileSync("/etc/group", "utf8"), gid);
    return accessHint({ group, mayWrite: (mode & GROUP_WRITE) !== 0, user: userInfo().username });
  } catch (error) {
    return `${general} (${messageOf(error)})`; // its folder is closed, too
  }
}

/** The sentence for what was found. Pure. */
export function accessHint(socket: {
  readonly group: string;
  readonly mayWrite: boolean;
  readonly user: string;
}): string {
  const { group, mayWrite, user } = socket;
  if (!mayWrite || group === "root") return "Only root may use this socket: run it with sudo";
  return (
    `The group "${group}" may: run it with sudo, or join the group and log in again: ` +
    `sudo usermod -aG ${group} ${user}`
  );
}

/**
 * @param groups Text of /etc/group.
 * @returns The number where the group has no name.
 */
export function groupName(groups: string, gid: number): string {
  const line = groups.split("\n").find((one) => one.split(":")[2] === String(gid));
  return line?.split(":", 1)[0] ?? String(gid);
}
