import type { Plugin } from "@docker/node-sdk";
import { ConflictError, FailedPreconditionError, messageOf } from "#base/errors.ts";
import { between, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { confirm } from "#cli/output/confirm.ts";
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

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN [REMOTE]",
  args: between(1, 2),
  completeArgs: ["plugins"],
  flags: {
    "disable-content-trust": boolFlag("Skip image verification", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
    "grant-all-permissions": boolFlag("Grant all permissions necessary to run the plugin"),
    "skip-remote-check": boolFlag(
      "Do not check if specified remote plugin matches existing plugin image",
    ),
  },
  async run(cli, { flags, args: [name = "", given] }) {
    const engine = await cli.engine();
    const plugin = await engine
      .getJson<Plugin>(pluginPath(name, "/json"))
      .catch((error: unknown) => {
        throw new FailedPreconditionError(`error reading plugin data: ${messageOf(error)}`, {
          cause: error,
        });
      });
    if (plugin.Enabled) throw new ConflictError("the plugin must be disabled before upgrading");
    const old = withDefaultTag(parseImageReference(plugin.PluginReference ?? plugin.Name));
    const reference = given === undefined ? old : withDefaultTag(parseImageReference(given));
    const [from, to] = [familiarReference(old), familiarReference(reference)];
    cli.output.write(`Upgrading plugin ${plugin.Name} from ${from} to ${to}\n`);
    const isOther = formatImageReference(old) !== formatImageReference(reference);
    if (isOther && !flags["skip-remote-check"]) {
      if (!(await confirm(cli, "Plugin images do not match, are you sure?"))) return 0;
    }
    const headers = await registryAuthHeaders(cli, reference.domain);
    const remote = formatImageReference(reference);
    const privileges = await grantedPrivileges(cli, engine, {
      remote,
      shown: given ?? to,
      headers,
      isGranted: flags["grant-all-permissions"],
    });
    const messages = engine.messages<ProgressMessage>("POST", pluginPath(name, "/upgrade"), {
      query: { remote },
      headers,
      json: privileges,
    });
    await showProgress(messages, cli.output);
    cli.output.write(`Upgraded plugin ${plugin.Name} to ${given ?? to}\n`);
    return 0;
  },
});
