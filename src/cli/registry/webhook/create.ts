import { type Command, exactly } from "#cli/command/command.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "#cli/registry/api.ts";
import { readSecret } from "#cli/registry/read-secret.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] URL",
  args: exactly(1),
  flags: {
    action: listFlag("push, pull or delete (default: push and delete)"),
    events: stringFlag("Format of the events: distribution, dockerhub or harbor", {
      default: "distribution",
      complete: ["distribution", "dockerhub", "harbor"],
    }),
    repositories: stringFlag("A name, or a prefix as acme/*", { default: "*" }),
    "secret-stdin": boolFlag("Read the key of the signature from stdin"),
  },
  async run(api, { args, flags }, cli) {
    const answer = await api.request("POST", "/webhooks", {
      url: args[0] ?? "",
      format: flags.events,
      repositories: flags.repositories,
      ...(flags.action.length > 0 ? { actions: flags.action } : {}),
      ...(flags["secret-stdin"] ? { secret: await readSecret(cli) } : {}),
    });
    cli.output.write(`${String(answer["id"])}\n`);
  },
});
