import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import { ContextStore, checkContextName } from "#client/contexts/context-store.ts";
import { defaultContextName } from "#client/contexts/stored-context.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import {
  type StoredEndpoint,
  copyEndpoint,
  endpointDescription,
  endpointFlag,
  readEndpointOptions,
} from "./endpoint-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  description: endpointDescription("Create a context", "create"),
  args: exactly(1),
  flags: {
    description: stringFlag("Description of the context"),
    docker: endpointFlag(),
    from: stringFlag("create context from a named context", { complete: "contexts" }),
  },
  async run(cli, { flags, args, isSet }) {
    const [name = ""] = args;
    checkContextName(name);
    const store = new ContextStore(cli.globals.configDir);
    if (store.has(name)) throw new ConflictError(`context ${JSON.stringify(name)} already exists`);
    const hasEndpoint = isSet("docker");
    if (flags.from !== "" && hasEndpoint) {
      throw new InvalidArgumentError("cannot use --docker flag when --from is set");
    }
    const source = flags.from || cli.contextName;
    const stored: StoredEndpoint = hasEndpoint
      ? readEndpointOptions(cli, flags.docker)
      : copyEndpoint(cli, source);
    const copied = hasEndpoint || source === defaultContextName ? {} : store.read(source).Metadata;
    const metadata = isSet("description") ? { ...copied, Description: flags.description } : copied;
    store.writeTls(name, stored.tls);
    store.write({ Name: name, Metadata: metadata, Endpoints: { docker: stored.endpoint } });
    cli.output.write(`${name}\n`);
    cli.errors.write(`Successfully created context ${JSON.stringify(name)}\n`);
    return 0;
  },
});
