import { ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { formatImageReference, type ImageReference } from "#spec/reference.ts";
import type { ListedManifest } from "./listed-manifest.ts";
import { ManifestStore } from "./manifest-store.ts";
import { parseManifestName } from "./references.ts";
import { ManifestRegistry } from "./registry.ts";

export const command: Command = defineCommand({
  usage: "MANIFEST_LIST MANIFEST [MANIFEST...]",
  args: atLeast(2),
  flags: {
    amend: boolFlag("Amend an existing manifest list", { short: "a" }),
    insecure: boolFlag("Allow communication with an insecure registry"),
  },
  async run(cli, { flags, args: [target = "", ...images] }) {
    const list = parseManifestName(target, "error parsing name for manifest list");
    const store = new ManifestStore(cli.globals.configDir);
    if (store.has(list) && !flags.amend) {
      throw new ConflictError("refusing to amend an existing manifest list with no --amend flag");
    }
    using registry = new ManifestRegistry(cli, flags.insecure);
    for (const text of images) {
      const image = parseManifestName(text);
      store.save(list, image, await find(store, registry, list, image, cli.interruption()));
    }
    cli.output.write(`Created manifest list ${formatImageReference(list)}\n`);
    return 0;
  },
});

/** One that is in the list keeps its annotations. */
async function find(
  store: ManifestStore,
  registry: ManifestRegistry,
  list: ImageReference,
  image: ImageReference,
  signal: AbortSignal,
): Promise<ListedManifest> {
  try {
    return store.get(list, image);
  } catch (error) {
    if (!(error instanceof NotFoundError)) throw error;
  }
  const found = await registry.fetch(image, signal);
  if (found.kind === "image") return found.manifest;
  throw new InvalidArgumentError(`${formatImageReference(image)} is a manifest list`);
}
