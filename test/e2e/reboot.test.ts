// The machine goes down without a word: states, restart policies, addresses and volumes are right afterwards.
import { expect, test } from "bun:test";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "../harness/command.ts";
import { startEngine } from "../harness/engine.ts";
import { processesNaming } from "../harness/leaks.ts";
import { waitUntil } from "../harness/wait-until.ts";

test("a reboot keeps containers, starts those that ask for it, and frees the rest", async () => {
  await using engine = await startEngine();
  const run = (...args: string[]) => engine.mustDocker("run", "-d", ...args);
  await run(
    "--name",
    "always",
    "--restart",
    "always",
    "-p",
    "80",
    "-v",
    "kept:/data",
    "busybox",
    "sh",
    "-c",
    "date >>/data/starts; exec sleep 100000",
  );
  await run("--name", "unless", "--restart", "unless-stopped", "busybox", "sleep", "100000");
  await run("--name", "stopped", "--restart", "unless-stopped", "busybox", "sleep", "100000");
  await run("--name", "plain", "busybox", "sleep", "100000");
  await run("--name", "ended", "busybox", "sh", "-c", "exit 7");
  await engine.mustDocker("create", "--name", "fresh", "busybox");
  await engine.mustDocker("stop", "-t", "0", "stopped");
  await engine.mustDocker("wait", "ended");

  await engine.crash();
  // What a reboot does: no process, no mount, no link, no rule, an empty /run, another boot id.
  for (const line of processesNaming(engine.root))
    process.kill(Number(line.split(" ")[1]), "SIGKILL");
  await waitUntil("all processes are gone", () => processesNaming(engine.root).length === 0);
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
  await engine.start();

  const state = (name: string) =>
    engine.mustDocker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
  await waitUntil(
    "the restart policies ran",
    async () =>
      (await state("always")).startsWith("running") &&
      (await state("unless")).startsWith("running"),
  );
  expect(await state("stopped")).toBe("exited 137");
  expect(await state("plain")).toBe("exited 255");
  expect(await state("ended")).toBe("exited 7");
  expect(await state("fresh")).toBe("created 0");
  await waitUntil("the volume has both starts", async () =>
    (await engine.mustDocker("exec", "always", "wc", "-l", "/data/starts")).startsWith("2 "),
  );
  expect(await engine.mustDocker("port", "always")).toContain("80/tcp -> 0.0.0.0:");
  expect(await engine.mustDocker("start", "plain")).toBe("plain");
  expect(await engine.mustDocker("run", "--rm", "busybox", "echo", "works")).toBe("works");
});
