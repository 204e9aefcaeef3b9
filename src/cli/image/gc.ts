import { formatHumanDuration } from "#base/durations.ts";
import { formatDecimalSize } from "#base/sizes.ts";
import { formatTable } from "#base/tables.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { shortId } from "#cli/output/texts.ts";

/** Answer of `/wharf/image-gc`. */
interface Collected {
  readonly Images: readonly {
    readonly Id: string;
    readonly Names: readonly string[];
    readonly Reason: string;
    readonly IdleSeconds: number;
  }[];
  readonly SpaceReclaimed: number;
}

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  description: `Show which images a policy would remove now; with --force, remove them.
Without a rule it is the policy of image-gc in the engine's daemon.json.`,
  args: noArguments,
  flags: {
    force: boolFlag("Remove the images", { short: "f" }),
    keep: intFlag("Keep the newest so many of each repository"),
    "min-free": stringFlag("Remove the oldest until so much of the disk is free (10g)"),
    "unused-for": stringFlag("Remove those that came or were named longer ago (720h)"),
  },
  async run(cli, { flags, isSet }) {
    const engine = await cli.engine();
    const query = {
      keep: isSet("keep") ? flags.keep : undefined,
      "min-free": flags["min-free"] || undefined,
      "unused-for": flags["unused-for"] || undefined,
    };
    const method = flags.force ? "POST" : "GET";
    const collected = await (
      await engine.request(method, "/wharf/image-gc", { query })
    ).json<Collected>();
    const rows = collected.Images.map(({ Id, Names, IdleSeconds, Reason }) => [
      Names.join(", ") || shortId(Id),
      formatHumanDuration(IdleSeconds * 1000),
      Reason,
    ]);
    if (rows.length > 0) cli.output.write(formatTable(["IMAGE", "UNUSED FOR", "RULE"], rows));
    const size = formatDecimalSize(collected.SpaceReclaimed);
    const what = `${rows.length} image${rows.length === 1 ? "" : "s"}, ${size}`;
    const text = flags.force ? `Removed: ${what}` : `Would be removed: ${what} (--force does it)`;
    cli.output.write(`${text}\n`);
    return 0;
  },
});
