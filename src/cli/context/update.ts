import { ContextStore } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { endpointDescription, endpointFlag, readEndpointOptions } from "./endpoint-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  description: endpointDescription("Update a context", "update"),
  args: exactly(1),
  completeArgs: ["contexts"],
  flags: {
    description: stringFlag("Description of the context"),
    docker: endpointFlag(),
  },
  async run(cli, { flags, args, isSet }) {
    const [name = ""] = args;
    if (name === defaultContextName) {
      throw new InvalidArgumentError(`"default" is a reserved context name`);
    }
    const store = new ContextStore(cli.globals.configDir);
    const before = store.read(name);
    const stored = isSet("docker") ? readEndpointOptions(cli, flags.docker) : undefined;
    if (stored) store.writeTls(name, stored.tls);
    store.write({
      ...before,
      Metadata: isSet("description")
        ? { ...before.Metadata, Description: flags.description }
        : before.Metadata,
      Endpoints: stored ? { ...before.Endpoints, docker: stored.endpoint } : before.Endpoints,
    });
    cli.output.write(`${name}\n`);
    cli.errors.write(`Successfully updated context ${JSON.stringify(name)}\n`);
    return 0;
  },
});
