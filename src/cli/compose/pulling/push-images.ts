import { messageOf, WharfError } from "#base/errors.ts";
import { pushImage } from "#cli/image/pushing/push-image.ts";
import type { ActParts } from "#compose/act/act-parts.ts";

/** A service, and all names of its image. */
export interface PushedService {
  readonly name: string;
  readonly images: readonly string[];
}

/**
 * Pushes the images of services, all at once.
 *
 * @throws {WharfError} The first failure, once those under way have ended; not where failures are ignored.
 */
export async function pushImages(
  services: readonly PushedService[],
  parts: ActParts,
  options: { readonly ignoresFailures: boolean; readonly isQuiet: boolean },
): Promise<void> {
  const failures: WharfError[] = [];
  await Promise.all(
    services.map(({ name, images }) =>
      parts.slots.run(async () => {
        const report = (status: string): void =>
          options.isQuiet ? undefined : parts.onProgress({ kind: "Service", name, status });
        report("Pushing");
        try {
          for (const image of images) if (!parts.isDryRun) await pushImage(image, parts);
          report("Pushed");
        } catch (error) {
          if (!(error instanceof WharfError)) throw error;
          report(`Error ${messageOf(error)}`);
          failures.push(error);
        }
      }),
    ),
  );
  const [first] = failures;
  if (first && !options.ignoresFailures) throw first;
}
