import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { run } from "./command.ts";
import type { Engines } from "./engines/open.ts";

/** "22 November 2026: 2 × Xeon, 24 GB, Linux 6.18, Debian GNU/Linux 12 (bookworm); load 0.1 before". */
export function describeMachine(now: Date): string {
  const date = now.toLocaleDateString("en-GB", { day: "numeric", month: "long", year: "numeric" });
  const cpu = `${availableParallelism()} × ${cpus()[0]?.model ?? "unknown CPU"}`;
  const memory = `${Math.round(totalmem() / 1e9)} GB`;
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  const load = (loadavg()[0] ?? 0).toFixed(1);
  return `${date}: ${cpu}, ${memory}, Linux ${release()}, ${system ?? "unknown system"}; load ${load} before`;
}

/** A line each: engines, builders, then the runtimes that all of them start. */
export async function describeVersions({
  contenders,
  runtimes,
}: Engines): Promise<readonly string[]> {
  const lines: string[] = [];
  for (const { name, cli } of contenders) {
    lines.push(`${name} ${await cli(["version", "--format", "{{.Client.Version}}"])}`);
  }
  for (const { name, builder } of contenders) {
    if (builder)
      lines.push(`${await firstLine(builder(["--version"]))}, for builds beside ${name}`);
  }
  for (const program of runtimes.values()) {
    lines.push(`${await firstLine([program, "--version"])}, the same file for all`);
  }
  return lines;
}

async function firstLine(argv: readonly string[]): Promise<string> {
  const [line = ""] = (await run(argv)).split("\n");
  return line;
}
