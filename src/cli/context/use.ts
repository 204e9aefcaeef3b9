import { writeConfigKey } from "#client/contexts/write-config-key.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "CONTEXT",
  args: exactly(1),
  completeArgs: ["contexts"],
  flags: {},
  async run(cli, { args }) {
    const [name = ""] = args;
    const { configDir } = cli.globals;
    const isDefault = name === defaultContextName;
    if (!isDefault) new ContextStore(configDir).read(name);
    const next = isDefault ? undefined : name;
    if (cli.config.currentContext !== next) writeConfigKey(configDir, "currentContext", next);
    cli.output.write(`${name}\n`);
    cli.errors.write(`Current context is now ${JSON.stringify(name)}\n`);
    if (!isDefault && cli.env["DOCKER_HOST"]) {
      cli.errors.write(
        `Warning: DOCKER_HOST environment variable overrides the active context. To use ${JSON.stringify(name)}, either set the global --context flag, or unset DOCKER_HOST environment variable.\n`,
      );
    }
    return 0;
  },
});
