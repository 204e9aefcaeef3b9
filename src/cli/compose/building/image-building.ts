import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import type { CommandParts } from "#cli/compose/project/surroundings.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import type { ImageBuilding } from "#compose/act/images.ts";
import { startOptions } from "#compose/build/options.ts";
import { buildTargets } from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";
import { buildImages } from "./build-images.ts";

/** What a command was asked about builds. */
export interface AskedBuilding {
  readonly build: boolean;
  readonly noBuild: boolean;
  readonly isQuiet: boolean;
  /** Other lines come between those of the build. */
  readonly isFlowing?: boolean;
}

/** Builds on the way to a start: by `--build`, or what is missing, or nothing by `--no-build`. */
export function imageBuilding(
  cli: Cli,
  project: Project,
  parts: CommandParts,
  { build, noBuild, isQuiet, isFlowing = false }: AskedBuilding,
): ImageBuilding {
  if (build && noBuild) throw new ExitError("--build and --no-build are incompatible", 1);
  const options = startOptions(wharfVersion);
  return {
    choice: build ? "all" : noBuild ? "none" : "missing",
    build: (names) =>
      buildImages(cli, parts, {
        project,
        targets: buildTargets(project, names),
        isQuiet,
        isFlowing,
        options,
      }),
  };
}
