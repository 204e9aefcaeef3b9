import type { ImageDeleteResponseItem } from "@docker/node-sdk";
import { NotFoundError } from "#base/errors.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { Failures } from "#cli/output/failures.ts";
import { boolFlag, stringSliceFlag } from "#cli/command/flags.ts";
import { platformQuery } from "./platform-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  completeArgs: ["images"],
  flags: {
    force: boolFlag("Force removal of the image", { short: "f" }),
    "no-prune": boolFlag("Do not delete untagged parents"),
    platform: stringSliceFlag(
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      { minApi: "1.50" },
    ),
  },
  async run(cli, { flags, args }) {
    const platforms = flags.platform.map(platformQuery);
    const engine = await cli.engine();
    const failures = new Failures();
    let isFatal = false;
    for (const name of args) {
      try {
        const items = await engine.deleteJson<ImageDeleteResponseItem[]>(
          `/images/${encodeURIComponent(name)}`,
          {
            query: {
              force: flags.force || undefined,
              noprune: flags["no-prune"] || undefined,
              platforms,
            },
          },
        );
        for (const item of items) cli.output.write(lineOf(item));
      } catch (error) {
        failures.add(error);
        isFatal ||= !(flags.force && error instanceof NotFoundError);
      }
    }
    if (isFatal) failures.throwIfAny();
    for (const failure of failures.lines) cli.errors.write(`${failure}\n`); // with --force a missing image is no failure
    return 0;
  },
});

function lineOf(item: ImageDeleteResponseItem): string {
  return item.Deleted ? `Deleted: ${item.Deleted}\n` : `Untagged: ${item.Untagged ?? ""}\n`;
}
