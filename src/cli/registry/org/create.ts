import { parseBinarySize } from "#base/sizes.ts";
import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag, customFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "#cli/registry/api.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] NAME",
  args: exactly(1),
  flags: {
    public: boolFlag("Repositories that a push makes are public"),
    quota: customFlag(
      "bytes",
      "Sum of all blobs, as 20g (0 for no limit)",
      "0",
      0,
      parseBinarySize,
    ),
  },
  async run(api, { args, flags }, cli) {
    const [name = ""] = args;
    const body = { name, publicByDefault: flags.public, quotaBytes: flags.quota };
    await api.request("POST", "/organisations", body);
    cli.output.write(`${name}\n`);
  },
});
