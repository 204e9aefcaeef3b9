import type { ImageSummary } from "@docker/node-sdk";
import { type Command, between, defineCommand } from "#cli/command/command.ts";
import { boolFlag, filterFlag, stringFlag } from "#cli/command/flags.ts";
import { listFormatHelp } from "#cli/output/format-help.ts";
import { chooseFormat, writeList } from "#cli/output/list.ts";
import { compactImageList } from "./compact-list.ts";
import { imageListFormat, imageRows } from "./list-format.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  args: between(0, 1),
  completeArgs: ["images"],
  flags: {
    all: boolFlag("Show all images (default hides intermediate and dangling images)", {
      short: "a",
    }),
    digests: boolFlag("Show digests"),
    filter: filterFlag("Filter output based on conditions provided", { short: "f" }),
    format: stringFlag(listFormatHelp),
    "no-trunc": boolFlag("Don't truncate output"),
    quiet: boolFlag("Only show image IDs", { short: "q" }),
    tree: boolFlag("List multi-platform images as a tree (EXPERIMENTAL)", { minApi: "1.47" }),
  },
  async run(cli, { flags, args }) {
    const [name] = args;
    const filters = name === undefined ? flags.filter : { ...flags.filter, reference: [name] };
    const format = chooseFormat(cli, { configKey: "imagesFormat" }, flags);
    const isListed = flags.quiet || flags["no-trunc"] || flags.digests || format !== "table";
    const isCompact = flags.tree || (!isListed && flags.format === "");
    const engine = await cli.engine();
    const images = await engine.getJson<ImageSummary[]>("/images/json", {
      query: { all: flags.all || undefined, filters, manifests: isCompact || undefined },
    });
    const isDanglingAsked = flags.filter["dangling"] !== undefined;
    const shown = flags.all || isDanglingAsked ? images : images.filter(hasName);
    if (isCompact) {
      cli.output.write(compactImageList(cli, shown, flags.tree));
      return 0;
    }
    const list = imageListFormat(cli.now(), !flags["no-trunc"], flags.digests);
    writeList(cli, list, imageRows(shown, flags.digests), format, flags.quiet);
    return 0;
  },
});

/** Lists are null from engines of old. */
function hasName(image: ImageSummary): boolean {
  return (image.RepoTags ?? []).length > 0 || (image.RepoDigests ?? []).length > 0;
}
