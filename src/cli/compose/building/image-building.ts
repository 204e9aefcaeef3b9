import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { ExitError } from "#cli/exit-error.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { ImageBuilding } from "#compose/act/images.ts";
import { buildTargets } from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";
import { buildImages } from "./build-images.ts";

/** Builds on the way to a start: by `--build`, or what is missing, or nothing by `--no-build`. */
export function imageBuilding(
  cli: Cli,
  project: Project,
  parts: ActParts,
  asked: { readonly build: boolean; readonly noBuild: boolean; readonly isQuiet: boolean },
): ImageBuilding {
  if (asked.build && asked.noBuild) {
    throw new ExitError("--build and --no-build are incompatible", 1);
  }
  return {
    choice: asked.build ? "all" : asked.noBuild ? "none" : "missing",
    build: (names) =>
      buildImages(cli, parts, {
        project,
        targets: buildTargets(project, names),
        isQuiet: asked.isQuiet,
        options: {
          args: [],
          isUncached: false,
          pulls: false,
          memoryBytes: 0,
          ssh: new Map(),
          isForStart: true,
          version: wharfVersion,
        },
      }),
  };
}
