import type { ImageRecord } from "#images/images.ts";
import type { Platform } from "#spec/platform.ts";

/** Images for FROM and `--from`. */
export interface ImageSource {
  /**
   * The image of that name, from this engine or a registry.
   *
   * @param request.pulls Ask the registry also where the engine has it.
   * @throws {NotFoundError} There is none, in Docker's words.
   */
  resolve(
    request: { readonly reference: string; readonly platform: Platform; readonly pulls: boolean },
    signal: AbortSignal,
  ): Promise<ImageRecord>;
}
