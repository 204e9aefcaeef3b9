import type { ClassicContext } from "#builder/doors/classic-build.ts";
import type { CredentialSource } from "#builder/sources/image-source.ts";

/** What the endpoints of building need of the engine. */
export interface BuildBackend {
  /** Goes through the Dockerfile alone: one line, whose `aux` has the findings. */
  check: BuildBackend["build"];
  /**
   * Builds, telling it line by line in the classic API's words.
   *
   * @throws What is wrong before the first line.
   */
  build(
    request: {
      readonly context: ClassicContext;
      readonly attributes: Readonly<Record<string, string>>;
      readonly tags: readonly string[];
      readonly isQuiet: boolean;
      readonly isSquashed: boolean;
      readonly credentials: CredentialSource;
    },
    write: (line: Readonly<Record<string, unknown>>) => void,
    signal: AbortSignal,
  ): Promise<void>;
}
