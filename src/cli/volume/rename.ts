import { type Command, defineCommand, exactly } from "#cli/command/command.ts";

export const command: Command = defineCommand({
  usage: "VOLUME NEW_NAME",
  description: "Rename a volume, also in the stopped containers that have it",
  args: exactly(2),
  completeArgs: ["volumes"],
  flags: {},
  async run(cli, { args }) {
    const [name = "", newName = ""] = args;
    const engine = await cli.engine();
    await engine.send("POST", `/wharf/volumes/${encodeURIComponent(name)}/rename`, {
      json: { Name: newName },
    });
    return 0;
  },
});
