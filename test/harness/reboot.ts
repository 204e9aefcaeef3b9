import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./command.ts";
import type { TestEngine } from "./engine.ts";
import { processesNaming } from "./leaks.ts";
import { waitUntil } from "./wait-until.ts";

/**
 * What a power cut does, as far as an engine sees: no process, no cgroup, no mount, no link, no rule, an empty
 * /run, and another boot id at its next start.
 */
export async function takeHostDown(engine: TestEngine): Promise<void> {
  const all = (await (await engine.api("GET", "/containers/json?all=1")).json()) as {
    Id: string;
  }[];
  await engine.crash();
  for (const line of processesNaming(engine.root))
    process.kill(Number(line.split(" ")[1]), "SIGKILL");
  await waitUntil("all processes are gone", () => processesNaming(engine.root).length === 0);
  for (const { Id } of all) await emptyCgroups(Id);
  const inside = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => target.startsWith(`${engine.root}/`));
  for (const target of inside.toReversed()) await runCommand(["umount", "-l", target]);
  for (const { ifname } of JSON.parse(
    (await runCommand(["ip", "-j", "link", "show", "master", engine.bridge])).stdout || "[]",
  ) as { ifname: string }[]) {
    await runCommand(["ip", "link", "del", ifname]);
  }
  await runCommand(["ip", "link", "del", engine.bridge]);
  const tables = (await runCommand(["nft", "list", "tables"])).stdout
    .split("\n")
    .filter(
      (line) =>
        line.includes("wharf") &&
        line.toLowerCase().includes(engine.engineId.replaceAll("-", "").slice(0, 8).toLowerCase()),
    );
  for (const table of tables) await runCommand(["nft", "delete", ...table.split(" ")]);
  rmSync(join(engine.root, "run"), { recursive: true, force: true });
  engine.bootId = crypto.randomUUID();
}

/** Ends the container's processes, and takes its cgroup away: v1 has one in each hierarchy. */
async function emptyCgroups(containerId: string): Promise<void> {
  for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
    const path = join("/sys/fs/cgroup", hierarchy, "wharf", containerId);
    if (!existsSync(path)) continue;
    const pids = () => readFileSync(join(path, "cgroup.procs"), "utf8").split("\n").filter(Boolean);
    for (const pid of pids()) process.kill(Number(pid), "SIGKILL");
    await waitUntil(`nothing is in ${path}`, () => pids().length === 0);
    rmdirSync(path);
  }
}
