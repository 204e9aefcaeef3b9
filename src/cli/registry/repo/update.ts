import { type Command, exactly } from "#cli/command.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/flags.ts";
import { defineRestCommand, pathOf } from "#cli/registry/api.ts";
import { settingsOf } from "#cli/registry/repository-settings.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] REPOSITORY",
  args: exactly(1),
  flags: {
    description: stringFlag("Shown by searches"),
    "immutable-tags": listFlag("Pattern of tags that are set once and stay, as v*; empty for none"),
    public: boolFlag("Everybody may pull"),
    retention: listFlag("What is kept, as tags=n-*,last=5,pushed=30 (days) or pulled=7"),
  },
  async run(api, { args, flags, isSet }, cli) {
    const [name = ""] = args;
    await api.request("PATCH", `/repositories${pathOf(name)}`, settingsOf(flags, isSet));
    cli.output.write(`${name}\n`);
  },
});
