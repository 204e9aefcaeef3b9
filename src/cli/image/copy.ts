import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { copyImage } from "./copying/copy-image.ts";
import { silence } from "./pull.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...] ENGINE",
  description: `Copy images to another engine, without a registry: only the layers that it lacks are sent.
ENGINE is an address (ssh://user@host, tcp://host:2376, unix:///run/docker.sock) or the name of a context.
A copy that is broken off goes on where it ended when it is begun again.`,
  args: atLeast(2),
  completeArgs: ["images"],
  flags: {
    quiet: boolFlag("Suppress verbose output", { short: "q" }),
  },
  async run(cli, { flags, args }) {
    const to = args.at(-1);
    if (to === undefined) throw new InvalidArgumentError("the engine to copy to is missing");
    for (const name of args.slice(0, -1)) {
      await copyImage(cli, name, to, flags.quiet ? silence : cli.output);
      cli.output.write(flags.quiet ? `${name}\n` : `Copied ${name} to ${to}\n`);
    }
    return 0;
  },
});
