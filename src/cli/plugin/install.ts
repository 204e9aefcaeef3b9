import { InvalidArgumentError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";
import {
  familiarReference,
  formatImageReference,
  parseImageReference,
  withDefaultTag,
} from "#spec/reference.ts";
import { pluginPath } from "./plugin-path.ts";
import { grantedPrivileges } from "./privileges.ts";

/** What it is to be called: with a tag, and no digest. */
function localName(alias: string, remote: string): string {
  if (alias === "") return remote;
  const reference = withDefaultTag(parseImageReference(alias));
  if (reference.digest !== undefined) throw new InvalidArgumentError(`invalid name: ${alias}`);
  return familiarReference(reference);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN [KEY=VALUE...]",
  args: atLeast(1),
  flags: {
    alias: stringFlag("Local name for plugin"),
    disable: boolFlag("Do not enable the plugin on install"),
    "disable-content-trust": boolFlag("Skip image verification", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
    "grant-all-permissions": boolFlag("Grant all permissions necessary to run the plugin"),
  },
  async run(cli, { flags, args: [shown = "", ...settings] }) {
    const reference = withDefaultTag(parseImageReference(shown));
    const remote = formatImageReference(reference);
    const name = localName(flags.alias, familiarReference(reference));
    const engine = await cli.engine();
    const headers = await registryAuthHeaders(cli, reference.domain);
    const privileges = await grantedPrivileges(cli, engine, {
      remote,
      shown,
      headers,
      isGranted: flags["grant-all-permissions"],
    });
    const messages = engine.messages<ProgressMessage>("POST", "/plugins/pull", {
      query: { remote, name },
      headers,
      json: privileges,
    });
    await showProgress(messages, cli.output);
    if (settings.length > 0)
      await engine.send("POST", pluginPath(name, "/set"), { json: settings });
    if (!flags.disable) {
      await engine.send("POST", pluginPath(name, "/enable"), { query: { timeout: 0 } });
    }
    cli.output.write(`Installed plugin ${shown}\n`);
    return 0;
  },
});
