import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import * as net from "node:net";
import { join } from "node:path";
import { ConflictError, FailedPreconditionError } from "#base/errors.ts";
import { DOCKER_SOCKET, UNIT_MARK, type UnitFile } from "./unit-files.ts";

/** What runs where systemd is the init of the host. */
const SYSTEMD_MARK = "/run/systemd/system";
const DOCKER_UNITS = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
const PROBE_MS = 500;

export function hasSystemd(): boolean {
  return existsSync(SYSTEMD_MARK);
}

function readUnit(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** @throws {ConflictError} A unit of that name is there that we did not write. */
export function checkUnits(directory: string, units: readonly UnitFile[]): void {
  for (const { name } of units) {
    const path = join(directory, name);
    const text = readUnit(path);
    if (text === undefined || text.startsWith(UNIT_MARK)) continue;
    throw new ConflictError(
      `Cannot write ${path}: a unit is there that Wharf did not write; remove it or use --unit-dir`,
    );
  }
}

export function writeUnits(directory: string, units: readonly UnitFile[]): void {
  mkdirSync(directory, { recursive: true });
  for (const { name, text } of units) writeFileSync(join(directory, name), text, { mode: 0o644 });
}

/** Names of units in `directory` that we wrote. */
export function ownUnits(directory: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => readUnit(join(directory, name))?.startsWith(UNIT_MARK));
}

export function removeUnits(directory: string, names: readonly string[]): void {
  for (const name of names) rmSync(join(directory, name), { force: true });
}

async function isServed(path: string): Promise<boolean> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return false;
  return await new Promise((resolve) => {
    const probe = net.connect(path);
    const end = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.setTimeout(PROBE_MS, () => end(true)); // its queue is full: somebody is there
    probe.once("connect", () => end(true));
    probe.once("error", () => end(false));
  });
}

/**
 * @param ownDirectory Where our own units are: with them the socket may be ours already.
 * @throws {ConflictError} Docker serves its socket, or is installed to.
 */
export async function checkDockerSocket(ownDirectory: string): Promise<void> {
  const isOurs = ownUnits(ownDirectory, ["wharf-docker.socket"]).length > 0;
  if (!isOurs && (await isServed(DOCKER_SOCKET))) {
    throw new ConflictError(
      `Cannot serve ${DOCKER_SOCKET}: another engine does; stop it, or leave out --docker-socket and use "docker context create wharf --docker host=unix:///run/wharf.sock"`,
    );
  }
  const unit = DOCKER_UNITS.map((folder) => join(folder, "docker.socket")).find((path) =>
    existsSync(path),
  );
  if (unit !== undefined) {
    throw new ConflictError(
      `Cannot serve ${DOCKER_SOCKET}: Docker is installed (${unit}) and would take it at the next boot; remove it, or leave out --docker-socket`,
    );
  }
}

/** Whether the host has a group of that name. */
export function hasGroup(name: string): boolean {
  const groups = readFileSync("/etc/group", "utf8").split("\n");
  return groups.some((line) => line.split(":", 1)[0] === name);
}

/** @throws {FailedPreconditionError} It failed, with what it said. */
export async function runSystemctl(words: readonly string[]): Promise<void> {
  const child = Bun.spawn(["systemctl", ...words], { stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  const code = await child.exited;
  if (code === 0) return;
  throw new FailedPreconditionError(
    `systemctl ${words.join(" ")} failed with code ${code}: ${said.trim()}`,
  );
}
