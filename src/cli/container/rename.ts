import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "CONTAINER NEW_NAME",
  args: exactly(2),
  completeArgs: ["containers", []],
  flags: {},
  async run(cli, { args }) {
    const [before = "", after = ""] = args.map((name) => name.trim());
    if (before === "" || after === "") {
      throw new InvalidArgumentError("Error: Neither old nor new names may be empty");
    }
    const engine = await cli.engine();
    await engine.send("POST", containerPath(before, "/rename"), { query: { name: after } });
    return 0;
  },
});
