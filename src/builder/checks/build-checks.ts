import { hasNamedContext } from "#builder/named-contexts.ts";
import { NotFoundError } from "#base/errors.ts";
import type { BuildOptions } from "#builder/attributes.ts";
import type { SolveRequest } from "#builder/builder.ts";
import type { StageState } from "#builder/graph/stage-state.ts";
import type { Dockerfile } from "#builder/language/stages.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { Vertices } from "#builder/solver/vertices.ts";
import type { Definition } from "#builder/sources/contexts.ts";
import { findImage, findImageHere, stateOfImage } from "#builder/sources/image-source.ts";
import type { Platform } from "#spec/platform.ts";
import { checkDockerfile, checkOptionsOf, type CheckReport } from "./check-dockerfile.ts";
import type { CheckWarning } from "./check-log.ts";
import { CHECK_RULES, pageOf } from "./rules.ts";

type CheckedParts = Pick<BuilderParts, "images" | "platform">;

interface CheckedBuild {
  readonly definition: Definition;
  readonly file: Dockerfile;
  readonly options: BuildOptions;
  readonly vertices: Vertices;
  readonly credentials?: SolveRequest["credentials"];
}

/** The checks of one build. */
export class BuildChecks {
  readonly #parts: CheckedParts;
  readonly #given: CheckedBuild;
  readonly #failsBuild: boolean;
  #isTold = false;

  /** @throws {InvalidArgumentError} Options of the checks that are none. */
  constructor(parts: CheckedParts, given: CheckedBuild) {
    this.#parts = parts;
    this.#given = given;
    this.#failsBuild = checkOptionsOf(given.file, given.options).failsBuild;
  }

  /**
   * Where the file asks that warnings end the build, they do so before anything is carried out.
   *
   * @throws {InvalidArgumentError} Naming the rules.
   */
  async before(signal: AbortSignal): Promise<void> {
    if (!this.#failsBuild) return;
    const report = await this.#check(false, (reference, platform) =>
      this.#fetch(reference, platform, signal),
    );
    if (!report.error) return;
    this.#tell(report.warnings);
    throw report.error;
  }

  /** Tells the warnings once, when the images that the build stands on are here. */
  async after(): Promise<void> {
    if (this.#failsBuild || this.#isTold) return;
    this.#isTold = true;
    const { warnings } = await this.#check(false, this.#here);
    this.#tell(warnings);
  }

  /** All that can be said without fetching or building anything. */
  async report(): Promise<CheckReport> {
    return await this.#check(this.#given.options.target === undefined, this.#here);
  }

  #check(
    isWholeFile: boolean,
    stateOf: (reference: string, platform: Platform) => Promise<StageState | undefined>,
  ): Promise<CheckReport> {
    const { definition, file, options } = this.#given;
    const { platform: build } = this.#parts;
    return checkDockerfile({
      file,
      options,
      ignored: definition.ignored,
      build,
      target: options.platforms[0] ?? build,
      isWholeFile,
      stateOf,
    });
  }

  readonly #here = async (
    reference: string,
    platform: Platform,
  ): Promise<StageState | undefined> => {
    const image = findImageHere(this.#parts.images, { reference, platform });
    return image && stateOfImage(image, platform);
  };

  async #fetch(
    reference: string,
    platform: Platform,
    signal: AbortSignal,
  ): Promise<StageState | undefined> {
    const { options, credentials } = this.#given;
    if (hasNamedContext(options.namedContexts, reference)) return undefined;
    try {
      const host = this.#parts.platform;
      const wish = { reference, platform, host, pulls: false, onProgress: () => {} };
      const image = await findImage(
        this.#parts.images,
        { ...wish, ...(credentials ? { credentials } : {}) },
        signal,
      );
      return stateOfImage(image, platform);
    } catch (error) {
      if (error instanceof NotFoundError) return undefined; // the build itself tells it
      throw error;
    }
  }

  #tell(warnings: readonly CheckWarning[]): void {
    const { definition, vertices } = this.#given;
    for (const { rule, detail, range } of warnings) {
      const { description } = CHECK_RULES[rule];
      const url = pageOf(CHECK_RULES[rule]);
      vertices.warn(definition.vertexId, {
        rule,
        message: detail,
        description,
        source: definition,
        range,
        ...(url === undefined ? {} : { url }),
      });
    }
  }
}
