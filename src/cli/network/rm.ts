import { NotFoundError } from "#base/errors.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { Failures } from "#cli/output/failures.ts";
import { boolFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "NETWORK [NETWORK...]",
  args: atLeast(1),
  completeArgs: ["networks"],
  flags: { force: boolFlag("Do not error if the network does not exist", { short: "f" }) },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const failures = new Failures();
    for (const name of args) {
      try {
        await engine.send("DELETE", `/networks/${encodeURIComponent(name)}`);
        cli.output.write(`${name}\n`);
      } catch (error) {
        if (flags.force && error instanceof NotFoundError) continue;
        failures.add(error);
      }
    }
    // docker prints its status after the reasons
    failures.throwIfAny("exit status 1");
    return 0;
  },
});
