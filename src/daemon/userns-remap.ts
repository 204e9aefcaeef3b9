import { mkdirSync, readFileSync, realpathSync, rmdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, messageOf } from "#base/errors.ts";
import { type IdMappings, type IdRange, toHostId } from "#base/id-mappings.ts";
import type { Host } from "#host/host.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import type { EngineConfig } from "./config/engine-config.ts";

/** Docker's: the user of `--userns-remap default`, made where it is missing. */
const DEFAULT_USER = "dockremap";
const RANGE_SIZE = 65_536;
const FIRST_ID = 100_000;

/** Texts of /etc/passwd and its like; empty where there is none. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
  readonly subuid: string;
  readonly subgid: string;
}

interface Account {
  readonly name: string;
  readonly id: number;
}

/**
 * The ids of containers under `--userns-remap`.
 *
 * @param setting `default`, `user[:group]` or `uid[:gid]`.
 * @returns Undefined for root, who would be mapped to itself.
 * @throws {InvalidArgumentError} With Docker's texts: nobody of that name, or no ranges for them.
 */
export function planRemap(setting: string, files: AccountFiles): IdMappings | undefined {
  const parts = setting.split(":");
  if (parts.length > 2) {
    throw new InvalidArgumentError(
      `Invalid user/group specification in --userns-remap: ${JSON.stringify(setting)}`,
    );
  }
  const [userPart = "", groupPart] = parts;
  const user = findUser(userPart === "default" ? DEFAULT_USER : userPart, files);
  if (user.id === 0) return undefined;
  const group = findGroup(groupPart ?? (isNumber(userPart) ? userPart : user.name), files);
  return {
    users: rangesOf("subuid", user, files.subuid),
    groups: rangesOf("subgid", group, files.subgid),
  };
}

function findUser(text: string, { passwd }: AccountFiles): Account {
  const users = accountsOf(passwd);
  const found = users.find(({ name, id }) =>
    isNumber(text) ? id === Number(text) : name === text,
  );
  if (found) return found;
  throw new InvalidArgumentError(
    isNumber(text)
      ? `Uid ${text} has no entry in /etc/passwd: no matching entries in passwd file`
      : `Error during uid lookup for ${JSON.stringify(text)}: no matching entries in passwd file`,
  );
}

function findGroup(text: string, { group }: AccountFiles): Account {
  const groups = accountsOf(group);
  const found = groups.find(({ name, id }) =>
    isNumber(text) ? id === Number(text) : name === text,
  );
  if (found) return found;
  throw new InvalidArgumentError(
    isNumber(text)
      ? `Gid ${text} has no entry in /etc/group: no matching entries in group file`
      : `Error during gid lookup for ${JSON.stringify(text)}: no matching entries in group file`,
  );
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function accountsOf(text: string): readonly Account[] {
  return text.split("\n").flatMap((line): Account[] => {
    const [name = "", , id = ""] = line.split(":");
    return name !== "" && isNumber(id) ? [{ name, id: Number(id) }] : [];
  });
}

/** All ranges of the account, one after the other from the container's 0 on. */
function rangesOf(file: "subuid" | "subgid", account: Account, text: string): readonly IdRange[] {
  const ranges: IdRange[] = [];
  let containerId = 0;
  for (const { owner, start, size } of subordinatesOf(text)) {
    if (owner !== account.name && owner !== String(account.id)) continue;
    ranges.push({ containerId, hostId: start, size });
    containerId += size;
  }
  if (ranges.length > 0) return ranges;
  throw new InvalidArgumentError(
    `Can't create ID mappings: no ${file} ranges found for ${file === "subuid" ? "user" : "group"} ` +
      `${JSON.stringify(account.name)}; add a line such as ${account.name}:${FIRST_ID}:${RANGE_SIZE} to /etc/${file}`,
  );
}

function subordinatesOf(
  text: string,
): readonly { readonly owner: string; readonly start: number; readonly size: number }[] {
  return text.split("\n").flatMap((line) => {
    const [owner = "", start = "", size = ""] = line.trim().split(":");
    const isWhole = owner !== "" && isNumber(start) && isNumber(size) && Number(size) > 0;
    return isWhole ? [{ owner, start: Number(start), size: Number(size) }] : [];
  });
}

/** Behind every range that is given to somebody. */
export function firstFreeId(text: string): number {
  return Math.max(FIRST_ID, ...subordinatesOf(text).map(({ start, size }) => start + size));
}

function readAccountFiles(): AccountFiles {
  const read = (name: string): string => {
    try {
      return readFileSync(join("/etc", name), "utf8");
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
      throw error;
    }
  };
  return {
    passwd: read("passwd"),
    group: read("group"),
    subuid: read("subuid"),
    subgid: read("subgid"),
  };
}

/** Makes the user of `default`, its group and its ranges, as far as they are missing. */
async function makeDefaultUser(host: Host): Promise<void> {
  const run = async (...argv: readonly string[]): Promise<void> => {
    const result = await host.processes.run({
      argv,
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
    });
    if (result.code === 0) return;
    throw new FailedPreconditionError(
      `Error during ${JSON.stringify(DEFAULT_USER)} user creation: ${argv[0]}: ${result.stderr.trim()}`,
    );
  };
  const before = readAccountFiles();
  if (!accountsOf(before.passwd).some(({ name }) => name === DEFAULT_USER)) {
    await run(
      "/usr/sbin/useradd",
      "--system",
      "--user-group",
      "--shell",
      "/bin/false",
      DEFAULT_USER,
    );
  }
  const { subuid, subgid } = readAccountFiles();
  const isOwner = ({ owner }: { readonly owner: string }): boolean => owner === DEFAULT_USER;
  const range = (text: string): string => {
    const first = firstFreeId(text);
    return `${first}-${first + RANGE_SIZE - 1}`;
  };
  if (!subordinatesOf(subuid).some(isOwner)) {
    await run("/usr/sbin/usermod", "--add-subuids", range(subuid), DEFAULT_USER);
  }
  if (!subordinatesOf(subgid).some(isOwner)) {
    await run("/usr/sbin/usermod", "--add-subgids", range(subgid), DEFAULT_USER);
  }
}

/**
 * What `--userns-remap` stands for on this host, tried out where layers are kept.
 *
 * @returns Undefined without the setting.
 * @throws {InvalidArgumentError} A setting that cannot be. {FailedPreconditionError} The kernel or the
 *   data root's file system has no id-mapped mounts.
 */
export async function openIdMappings(
  config: EngineConfig,
  host: Host,
): Promise<IdMappings | undefined> {
  const { usernsRemap } = config.containers;
  if (usernsRemap === undefined) return undefined;
  if (usernsRemap.split(":", 1)[0] === "default") await makeDefaultUser(host);
  const mappings = planRemap(usernsRemap, readAccountFiles());
  if (!mappings) return undefined;
  checkReachable(realpathSync(config.dataRoot), mappings);
  await probe(config.dataRoot, mappings, host);
  return mappings;
}

/** @throws {FailedPreconditionError} The storage driver keeps layers in a way that cannot be mapped. */
export function checkRemapDriver(
  mappings: IdMappings | undefined,
  { driver, mapsOwners }: Pick<Snapshotter, "driver" | "mapsOwners">,
): void {
  if (!mappings || mapsOwners) return;
  throw new FailedPreconditionError(
    `Cannot use --userns-remap with storage driver ${driver}: it takes overlay2`,
  );
}

/**
 * Root of a container must get to its files through every folder above them.
 *
 * @throws {FailedPreconditionError} Docker's "a subdirectory in your graphroot path …".
 */
function checkReachable(dataRoot: string, mappings: IdMappings): void {
  const uid = toHostId(mappings.users, 0);
  const gid = toHostId(mappings.groups, 0);
  // the data root itself is given to the group
  for (let folder = dirname(dataRoot); ; folder = dirname(folder)) {
    const stats = statSync(folder);
    const right = stats.uid === uid ? 0o100 : stats.gid === gid ? 0o010 : 0o001;
    if ((stats.mode & right) === 0) {
      throw new FailedPreconditionError(
        `a subdirectory in your graphroot path (${dataRoot}) restricts access to the remapped root uid/gid; please fix by allowing 'o+x' permissions on ${folder}`,
      );
    }
    if (folder === "/") return;
  }
}

async function probe(dataRoot: string, mappings: IdMappings, host: Host): Promise<void> {
  const target = join(dataRoot, ".userns-probe");
  mkdirSync(target, { recursive: true, mode: 0o700 });
  try {
    using namespace = await host.namespaces.openUser(mappings);
    host.mounts.bindMapped({ source: target, target, userNamespacePath: namespace.path });
    host.mounts.unmount(target, { lazy: true });
  } catch (cause) {
    throw new FailedPreconditionError(
      `Cannot use --userns-remap with --data-root ${dataRoot}: ${messageOf(cause)}; it takes Linux 5.19 and a file system such as ext4, xfs or btrfs`,
      { cause },
    );
  } finally {
    rmdirSync(target);
  }
}
