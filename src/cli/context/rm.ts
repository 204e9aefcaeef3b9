import { messageOf, ConflictError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { writeConfigKey } from "#client/contexts/write-config-key.ts";
import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "CONTEXT [CONTEXT...]",
  args: atLeast(1),
  completeArgs: ["contexts"],
  flags: { force: boolFlag("Force the removal of a context in use", { short: "f" }) },
  async run(cli, { flags, args }) {
    const failures: string[] = [];
    for (const name of args) {
      try {
        removeContext(cli, name, flags.force);
        cli.output.write(`${name}\n`);
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (failures.length > 0) throw new ExitError(failures.join("\n"), 1);
    return 0;
  },
});

function removeContext(cli: Cli, name: string, force: boolean): void {
  const shown = JSON.stringify(name);
  if (name === defaultContextName) {
    throw new InvalidArgumentError(`context "default" cannot be removed`);
  }
  if (name === cli.contextName) {
    if (!force) throw new ConflictError(`context ${shown} is in use, set -f flag to force remove`);
    writeConfigKey(cli.globals.configDir, "currentContext", undefined);
  }
  const store = new ContextStore(cli.globals.configDir);
  if (!force && !store.has(name)) throw new NotFoundError(`context ${shown} does not exist`);
  store.remove(name);
}
