import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { Failures } from "#cli/output/failures.ts";
import { boolFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  description:
    "Remove one or more volumes. You cannot remove a volume that is in use by a container.",
  args: atLeast(1),
  completeArgs: ["volumes"],
  flags: { force: boolFlag("Force the removal of one or more volumes", { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const failures = new Failures();
    for (const name of args) {
      try {
        await engine.send("DELETE", `/volumes/${encodeURIComponent(name)}`, {
          query: { force: flags.force || undefined },
        });
        cli.output.write(`${name}\n`);
      } catch (error) {
        failures.add(error);
      }
    }
    failures.throwIfAny();
    return 0;
  },
});
