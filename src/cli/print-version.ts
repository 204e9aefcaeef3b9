import { buildId, wharfVersion } from "#base/version.ts";
import { exitCodeOf } from "#cli/command/exit-code.ts";
import { BrokenPipeError, FdOutput } from "./output/streams.ts";

/** The line of `wharf --version`. */
export const versionLine: string = `Wharf version ${wharfVersion}, build ${buildId}\n`;

/** `wharf --version` alone, with nothing else of the client. @returns The exit code. */
export function printVersion(): number {
  try {
    new FdOutput(1).write(versionLine);
    return 0;
  } catch (error) {
    if (error instanceof BrokenPipeError) return exitCodeOf(error);
    throw error;
  }
}
