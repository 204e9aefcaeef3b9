import { type Command, noArguments } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "./api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    "dry-run": boolFlag("Change nothing, say what would go"),
    untagged: boolFlag("Remove manifests without tags from all repositories"),
  },
  async run(api, { flags }, cli) {
    const answer = await api.request("POST", "/garbage-collection", {
      dryRun: flags["dry-run"],
      untagged: flags.untagged,
    });
    cli.output.write(`${JSON.stringify(answer, undefined, 2)}\n`);
  },
});
