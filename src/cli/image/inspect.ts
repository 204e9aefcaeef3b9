import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { inspectObjects } from "#cli/output/inspect.ts";
import { optionalPlatformQuery } from "./platform-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  completeArgs: ["images"],
  flags: {
    format: stringFlag(inspectFormatHelp, { short: "f" }),
    platform: stringFlag(
      `Inspect a specific platform of the multi-platform image.
If the image or the server is not multi-platform capable, the command will error out if the platform does not match.
'os[/arch[/variant]]': Explicit platform (eg. linux/amd64)`,
      { minApi: "1.49" },
    ),
  },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const platform = optionalPlatformQuery(flags.platform);
    return inspectObjects(cli, args, flags.format, async (name) => {
      const path = `/images/${encodeURIComponent(name)}/json`;
      return (await engine.request("GET", path, { query: { platform } })).text();
    });
  },
});
