import { messageOf } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { RuntimeProgram } from "./program.ts";

const CHECK_MS = 10_000;

/**
 * Why the processes of a runtime cannot be checkpointed on this host.
 *
 * @param criuPath Undefined where it is not installed.
 * @returns Undefined where they can.
 */
export async function findCheckpointRefusal(
  processes: Pick<Processes, "run">,
  criuPath: string | undefined,
  program: RuntimeProgram,
): Promise<string | undefined> {
  if (criuPath === undefined) return "criu is not installed";
  try {
    if (program.family === "crun" && !(await hasCriu(processes, program))) {
      return `${program.name} was built without criu; run the container with --runtime runc`;
    }
    const signal = AbortSignal.timeout(CHECK_MS);
    const { code, stdout, stderr } = await processes.run({ argv: [criuPath, "check"] }, signal);
    return code === 0 ? undefined : `criu check failed: ${firstWords(`${stderr}\n${stdout}`)}`;
  } catch (error) {
    return `criu check failed: ${messageOf(error)}`;
  }
}

async function hasCriu(
  processes: Pick<Processes, "run">,
  program: RuntimeProgram,
): Promise<boolean> {
  const { stdout } = await processes.run({ argv: [program.path, "--version"] });
  return stdout.includes("+CRIU");
}

/** The first line that has something to say: what follows is what followed from it. */
function firstWords(output: string): string {
  const lines = output.split("\n").map((line) => line.trim());
  return lines.find((line) => /error/i.test(line)) ?? lines.find(Boolean) ?? "without a word";
}
