// The machine goes down without a word: states, restart policies, addresses and volumes are right afterwards.
import { expect, test } from "bun:test";
import { startEngine } from "../../harness/engine.ts";
import { takeHostDown } from "../../harness/reboot.ts";
import { waitUntil } from "../../harness/wait-until.ts";

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

  await takeHostDown(engine);
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
