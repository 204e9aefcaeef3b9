import { parseJson, stringifyJson, stringifyJsonHtml } from "#base/json.ts";
import type { Cli } from "#cli/cli.ts";
import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import type { ImageReference } from "#spec/reference.ts";
import { type ListedManifest, listedManifestToWire } from "./listed-manifest.ts";
import { buildManifestList } from "./list-for.ts";
import { ManifestStore } from "./manifest-store.ts";
import { parseManifestName } from "./references.ts";
import { ManifestRegistry } from "./registry.ts";

function printImage(cli: Cli, manifest: ListedManifest, isVerbose: boolean): void {
  const text = isVerbose
    ? stringifyJsonHtml(listedManifestToWire(manifest), "\t")
    : stringifyJson(parseJson(new TextDecoder().decode(manifest.raw)), { indent: "\t" });
  cli.output.write(`${text}\n`);
}

function printList(
  cli: Cli,
  list: ImageReference,
  manifests: readonly ListedManifest[],
  isVerbose: boolean,
): void {
  const text = isVerbose
    ? stringifyJsonHtml(manifests.map(listedManifestToWire), "\t")
    : new TextDecoder().decode(buildManifestList(list, manifests).bytes);
  cli.output.write(`${text}\n`);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] [MANIFEST_LIST] MANIFEST",
  args: between(1, 2),
  flags: {
    insecure: boolFlag("Allow communication with an insecure registry"),
    verbose: boolFlag("Output additional info including layers and platform", { short: "v" }),
  },
  async run(cli, { flags, args }) {
    const name = parseManifestName(args.at(-1) ?? "");
    const store = new ManifestStore(cli.globals.configDir);
    if (args.length === 2) {
      const list = parseManifestName(args[0] ?? "");
      printImage(cli, store.get(list, name), flags.verbose);
      return 0;
    }
    if (store.has(name)) {
      printList(cli, name, store.list(name), flags.verbose);
      return 0;
    }
    using registry = new ManifestRegistry(cli, flags.insecure);
    const found = await registry.fetch(name, cli.interruption());
    if (found.kind === "image") printImage(cli, found.manifest, flags.verbose);
    else printList(cli, name, found.manifests, flags.verbose);
    return 0;
  },
});
