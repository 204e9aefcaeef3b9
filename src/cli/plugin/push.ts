import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import { registryAuthHeaders } from "#cli/registry-auth.ts";
import { familiarReference, parseImageReference, withDefaultTag } from "#spec/reference.ts";
import { pluginPath } from "./plugin-path.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] PLUGIN[:TAG]",
  args: exactly(1),
  completeArgs: ["plugins"],
  flags: {
    "disable-content-trust": boolFlag("Skip image signing", {
      default: true,
      deprecated: "support for docker content trust was removed",
    }),
  },
  async run(cli, { args: [name = ""] }) {
    const reference = withDefaultTag(parseImageReference(name));
    if (reference.digest !== undefined) throw new InvalidArgumentError(`invalid name: ${name}`);
    const engine = await cli.engine();
    const path = pluginPath(familiarReference(reference), "/push");
    const messages = engine.messages<ProgressMessage>("POST", path, {
      headers: await registryAuthHeaders(cli, reference.domain),
    });
    await showProgress(messages, cli.output);
    return 0;
  },
});
