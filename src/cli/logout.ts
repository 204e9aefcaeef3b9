import { type Command, between, defineCommand } from "#cli/command/command.ts";
import { openCredentialStore } from "./registry-auth.ts";
import {
  DOCKER_HUB_ADDRESS,
  domainOfServerAddress,
  serverAddressOfDomain,
} from "#spec/engine-api/registry-auth.ts";

export const command: Command = defineCommand({
  usage: "[SERVER]",
  description:
    "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
  args: between(0, 1),
  flags: {},
  async run(cli, { args: [server = ""] }) {
    const domain = domainOfServerAddress(server);
    const address = server === "" ? DOCKER_HUB_ADDRESS : serverAddressOfDomain(domain);
    cli.output.write(`Removing login credentials for ${server === "" ? address : domain}\n`);
    const isErased = await openCredentialStore(cli).erase(address);
    if (!isErased) cli.errors.write(`Not logged in to ${server === "" ? address : domain}\n`);
    return 0;
  },
});
