import { NotFoundError } from "#base/errors.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import type { Cli } from "#cli/cli.ts";
import type { FilterValues } from "#cli/command/flags.ts";
import { shortId } from "#cli/output/texts.ts";

/** Kinds whose prunes are looked ahead to. */
export type PruneKind = "container" | "image" | "volume" | "build-cache";

export interface PreviewRequest {
  readonly kinds: readonly PruneKind[];
  readonly filters: FilterValues;
  readonly allImages?: boolean;
  readonly allVolumes?: boolean;
}

/** Answer of `GET /system/prune/preview`, which only Wharf's engine has. */
interface Preview {
  readonly Containers: readonly { readonly Name: string; readonly Size: number }[];
  readonly Images: readonly { readonly Id: string; readonly Names: readonly string[] }[];
  readonly ImagesSize: number;
  readonly Volumes: readonly { readonly Name: string; readonly Size: number }[];
  readonly BuildCacheCount: number;
  readonly BuildCacheSize: number;
  readonly SpaceReclaimed: number;
}

const NAMES_SHOWN = 5;

function line(noun: string, names: readonly string[], bytes: number): readonly string[] {
  if (names.length === 0) return [];
  const more = names.length > NAMES_SHOWN ? `, and ${names.length - NAMES_SHOWN} more` : "";
  const plural = names.length === 1 ? "" : "s";
  const shown = names.slice(0, NAMES_SHOWN).join(", ");
  return [`  ${names.length} ${noun}${plural} (${formatDecimalSize(bytes)}): ${shown}${more}\n`];
}

function previewText(preview: Preview): string {
  const { Containers, Images, Volumes } = preview;
  const sizeOf = (items: readonly { readonly Size: number }[]): number =>
    items.reduce((sum, { Size }) => sum + Size, 0);
  const lines = [
    ...line(
      "container",
      Containers.map(({ Name }) => Name),
      sizeOf(Containers),
    ),
    ...line(
      "volume",
      Volumes.map(({ Name }) => Name),
      sizeOf(Volumes),
    ),
    ...line(
      "image",
      Images.map(({ Id, Names }) => Names[0] ?? shortId(Id)),
      preview.ImagesSize,
    ),
    ...(preview.BuildCacheCount === 0
      ? []
      : [
          `  ${preview.BuildCacheCount} build cache records (${formatDecimalSize(preview.BuildCacheSize)})\n`,
        ]),
  ];
  if (lines.length === 0) return "Nothing is there to remove now.\n\n";
  return `To be removed now, ${formatDecimalSize(preview.SpaceReclaimed)}:\n${lines.join("")}\n`;
}

/**
 * Tells on stderr, where no script reads answers, what a prune that is about to be asked for would remove.
 * An engine that cannot tell (Docker's) leaves it at the question.
 */
export async function showPrunePreview(cli: Cli, request: PreviewRequest): Promise<void> {
  const engine = await cli.engine();
  try {
    const preview = await engine.getJson<Preview>("/system/prune/preview", {
      query: {
        type: request.kinds,
        filters: request.filters,
        "all-images": request.allImages ? "1" : undefined,
        "all-volumes": request.allVolumes ? "1" : undefined,
      },
    });
    cli.errors.write(previewText(preview));
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
}
