import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { command, type Contender } from "./common.ts";

/** Runs `work` with an engine of its own. */
export async function withWharf(work: (contender: Contender) => Promise<void>): Promise<void> {
  const root = mkdtempSync("/var/tmp/wharf-bench-");
  const daemon = Bun.spawn(
    [
      ...[resolve("dist/wharf"), "daemon", "-H", `unix://${root}/wharf.sock`],
      ...["--data-root", `${root}/data`, "--exec-root", `${root}/run`],
      ...["--pidfile", `${root}/wharf.pid`, "--bridge", `wb${randomBytes(4).toString("hex")}`],
    ],
    { stdio: ["ignore", "ignore", Bun.file(join(root, "log"))] },
  );
  try {
    const client = [resolve("dist/wharf"), "-H", `unix://${root}/wharf.sock`];
    for (let attempt = 0; ; attempt += 1) {
      const answer = await command([...client, "version"], true);
      if (answer.includes("Server")) break;
      if (attempt > 200) throw new Error(await Bun.file(join(root, "log")).text());
      await Bun.sleep(50);
    }
    await work({ name: "wharf", client, socket: `${root}/wharf.sock` });
  } finally {
    daemon.kill("SIGTERM");
    await daemon.exited;
    rmSync(root, { recursive: true, force: true });
  }
}
