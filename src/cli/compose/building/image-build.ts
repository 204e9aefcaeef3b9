import type { BuildOptions } from "#compose/build/options.ts";
import type { BuildTarget } from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";

/** What a command wants built. */
export interface ImageRequest {
  readonly project: Project;
  readonly targets: ReadonlyMap<string, BuildTarget>;
  readonly options: BuildOptions;
  readonly isQuiet: boolean;
  /** Other lines come between those of the build. */
  readonly isFlowing: boolean;
}

export interface ImageBuild extends ImageRequest {
  /** Services whose images have to be there before that of one. */
  readonly before: ReadonlyMap<string, readonly string[]>;
}
