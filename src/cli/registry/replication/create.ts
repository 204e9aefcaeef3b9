import { type Command, between } from "#cli/command/command.ts";
import { boolFlag, intFlag, stringFlag } from "#cli/command/flags.ts";
import { defineRestCommand } from "#cli/registry/api.ts";
import { readSecret } from "#cli/registry/read-secret.ts";

export const command: Command = defineRestCommand({
  usage: "[OPTIONS] push|pull REGISTRY REPOSITORY [REMOTE-REPOSITORY]",
  args: between(3, 4),
  flags: {
    every: intFlag("Minutes between two comparisons of everything", { default: 60 }),
    "password-stdin": boolFlag("Read the password there from stdin"),
    tags: stringFlag("Pattern of tags", { default: "*" }),
    username: stringFlag("Login name there", { short: "u" }),
  },
  async run(api, { args, flags }, cli) {
    const [direction, registry, repository, remoteRepository = ""] = args;
    const answer = await api.request("POST", "/replications", {
      direction,
      registry,
      repository,
      remoteRepository,
      tags: flags.tags,
      everyMinutes: flags.every,
      username: flags.username,
      ...(flags["password-stdin"] ? { password: await readSecret(cli) } : {}),
    });
    cli.output.write(`${String(answer["id"])}\n`);
  },
});
