import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { startWharf } from "../engines.ts";
import type { Contender } from "./common.ts";

/** Runs `work` with an engine of its own. */
export async function withWharf(work: (contender: Contender) => Promise<void>): Promise<void> {
  const program = resolve("dist/wharf");
  const root = mkdtempSync("/var/tmp/wharf-bench-");
  const daemon = await startWharf(program, root, `wb${randomBytes(4).toString("hex")}`);
  try {
    const socket = `${root}/wharf.sock`;
    await work({ name: "wharf", client: [program, "-H", `unix://${socket}`], socket });
  } finally {
    daemon.kill("SIGTERM");
    await daemon.exited;
    rmSync(root, { recursive: true, force: true });
  }
}
