import { InternalError } from "#base/errors.ts";
import { runBuildWorker } from "./build/main.ts";
import { runFilesWorker } from "./files.ts";
import { runMeasureWorker } from "./measure.ts";
import { runUnpackWorker } from "./unpack.ts";

/**
 * Runs a hidden mode of the executable, by which the daemon gets work done in a process of its own.
 *
 * @param argv What follows `worker` on the command line.
 * @returns Exit code.
 */
export async function runWorker(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  switch (name) {
    case "measure":
      return await runMeasureWorker();
    case "build":
      return await runBuildWorker(args);
    case "files":
      return await runFilesWorker(args);
    case "unpack":
      return await runUnpackWorker(args);
    default:
      throw new InternalError(`Unknown worker "${name ?? ""}"`);
  }
}
