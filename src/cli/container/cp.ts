import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { copyFromContainer } from "./cp/from-container.ts";
import { splitCopyArgument } from "./cp/paths.ts";
import { copyToContainer } from "./cp/to-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-",
  usageAlternatives: ["cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"],
  description: `Copy files/folders between a container and the local filesystem

Use '-' as the source to read a tar archive from stdin
and extract it to a directory destination in a container.
Use '-' as the destination to stream a tar archive of a
container source to stdout.`,
  args: exactly(2),
  completeArgs: ["containers", "files"],
  flags: {
    archive: boolFlag("Archive mode (copy all uid/gid information)", { short: "a" }),
    "follow-link": boolFlag("Always follow symbol link in SRC_PATH", { short: "L" }),
    quiet: boolFlag(
      "Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached",
      { short: "q" },
    ),
  },
  async run(cli, { flags, args, isSet }) {
    const [source = "", destination = ""] = args;
    if (source === "") throw new InvalidArgumentError("source can not be empty");
    if (destination === "") throw new InvalidArgumentError("destination can not be empty");
    const from = splitCopyArgument(source);
    const to = splitCopyArgument(destination);
    const options = {
      keepsOwners: flags.archive,
      followsLink: flags["follow-link"],
      isQuiet: isSet("quiet") ? flags.quiet : !cli.output.isTerminal,
    };
    if (from.container !== undefined && to.container !== undefined) {
      throw new InvalidArgumentError("copying between containers is not supported");
    }
    if (from.container !== undefined) {
      await copyFromContainer(cli, { ...options, ...from, target: to.path });
    } else if (to.container !== undefined) {
      await copyToContainer(cli, { ...options, ...to, source: from.path });
    } else throw new InvalidArgumentError("must specify at least one container source");
    return 0;
  },
});
