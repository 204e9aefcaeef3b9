import { InvalidArgumentError } from "#base/errors.ts";

/** Who the process is, by the container's own /etc/passwd and /etc/group. */
export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** For HOME, where the environment does not say; `/` where nothing is known. */
  readonly home: string;
}

export interface UserFiles {
  /** Text of /etc/passwd in the root; empty where there is none. */
  readonly passwd: string;
  /** Text of /etc/group. */
  readonly group: string;
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

/** The kernel's ids are 32 bits, the topmost one means "none"; runc stops at 2^31 - 1. */
const MAX_ID = 2 ** 31 - 1;

/**
 * Resolves `user[:group]`, each a name or a number, and `--group-add`.
 *
 * @param text Empty for root.
 * @throws {InvalidArgumentError} "unable to find user x: no matching entries in passwd file" and its like.
 */
export function resolveUser(
  text: string,
  groupAdd: readonly string[],
  files: UserFiles,
): ResolvedUser {
  const users = parsePasswd(files.passwd);
  const groups = parseGroup(files.group);
  const [userPart = "", groupPart = ""] = splitOnce(text, ":");
  const user = findUser(userPart, users);
  const gid = groupPart === "" ? user.gid : findGroup(groupPart, groups);
  // An explicit group drops those that the user is a member of, as runc's user lookup does.
  const memberships =
    groupPart === "" && user.name !== ""
      ? groups.filter((group) => group.members.includes(user.name)).map((group) => group.gid)
      : [];
  const added = groupAdd.map((group) => findGroup(group, groups));
  return {
    uid: user.uid,
    gid,
    additionalGids: [...new Set([...memberships, ...added])],
    home: user.home === "" ? "/" : user.home,
  };
}

function findUser(text: string, users: readonly PasswdEntry[]): PasswdEntry {
  const byName = users.find((user) => user.name === (text === "" ? "root" : text));
  const wanted = text === "" ? 0 : numberOf(text);
  if (text !== "" && byName) return byName;
  if (wanted !== undefined) {
    return (
      users.find((user) => user.uid === wanted) ?? { name: "", uid: wanted, gid: 0, home: "/" }
    );
  }
  throw new InvalidArgumentError(`unable to find user ${text}: no matching entries in passwd file`);
}

function findGroup(text: string, groups: readonly GroupEntry[]): number {
  const byName = groups.find((group) => group.name === text);
  const gid = byName?.gid ?? numberOf(text);
  if (gid === undefined) {
    throw new InvalidArgumentError(
      `unable to find group ${text}: no matching entries in group file`,
    );
  }
  return gid;
}

function numberOf(text: string): number | undefined {
  if (!/^-?\d+$/.test(text)) return undefined;
  const value = Number(text);
  if (value < 0 || value > MAX_ID) {
    throw new InvalidArgumentError(`uids and gids must be in range 0-${MAX_ID}`);
  }
  return value;
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function rowsOf(text: string): readonly (readonly string[])[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
}

function parsePasswd(text: string): readonly PasswdEntry[] {
  return rowsOf(text).flatMap(([name = "", , uid = "", gid = "", , home = ""]) =>
    /^\d+$/.test(uid) && /^\d+$/.test(gid)
      ? [{ name, uid: Number(uid), gid: Number(gid), home }]
      : [],
  );
}

function parseGroup(text: string): readonly GroupEntry[] {
  return rowsOf(text).flatMap(([name = "", , gid = "", members = ""]) =>
    /^\d+$/.test(gid) ? [{ name, gid: Number(gid), members: members.split(",") }] : [],
  );
}
