import { readFileSync } from "node:fs";
import { runCommand } from "../command.ts";

/**
 * Commands of the docker CLI and what a real docker prints for them, as one text: a line `$ command`, run
 * by a shell one after the other, and below it what comes out. `[1]` is an exit code, `! ` begins a line
 * of stderr. Written anew by scripts/refresh-conformance.ts. Blank lines before a `#` line part the topics.
 */
export interface ConformanceCase {
  readonly topic: string;
  readonly command: string;
  /** As `show` has it. */
  readonly expected: string;
}

export const CONFORMANCE_FILE = "test/e2e/api/testdata/docker-conformance.txt";

export function readConformanceCases(path: string = CONFORMANCE_FILE): readonly ConformanceCase[] {
  const cases: { topic: string; command: string; expected: string }[] = [];
  let topic = "";
  for (const line of readFileSync(path, "utf8").trimEnd().split("\n")) {
    const last = cases.at(-1);
    if (line.startsWith("# ")) topic = line.slice(2);
    else if (line.startsWith("$ ")) cases.push({ topic, command: line.slice(2), expected: "" });
    else if (line !== "" && last) last.expected += `${line}\n`;
  }
  return cases;
}

/** Runs one command against the engine at `host`; what differs from run to run is replaced by words. */
export async function runConformanceCase(command: string, host: string): Promise<string> {
  const result = await runCommand(["bash", "-c", command], {
    env: { DOCKER_HOST: host, DOCKER_CONTEXT: "", SOCKET: host.slice("unix://".length) },
  });
  const lines = [
    ...normalise(result.stdout).split("\n"),
    ...normalise(result.stderr)
      .split("\n")
      .map((line) => (line === "" ? "" : `! ${line}`)),
    result.exitCode === 0 ? "" : `[${result.exitCode}]`,
  ].filter((line) => line !== "");
  return lines.map((line) => `${line}\n`).join("");
}

function normalise(text: string): string {
  return text
    .replace(/\b[0-9a-f]{64}\b/g, "ID64")
    .replace(/\b[0-9a-f]{12}\b/g, "ID12")
    .replace(/\b2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z/g, "TIME")
    .replace(
      /\bOCI runtime create failed: (?:crun|runc) create failed/g,
      "OCI runtime create failed",
    )
    .replace(/(?:Less than a|About a|[0-9]+) (?:second|minute)s?(?= ago)/g, "AGES")
    .replace(/execDuration=[0-9]+/g, "execDuration=N")
    .trimEnd();
}
