import { NotFoundError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { containerPath, eachContainer } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["containers"],
  flags: {
    force: boolFlag("Force the removal of a running container (uses SIGKILL)", { short: "f" }),
    link: boolFlag("Remove the specified link", { short: "l" }),
    volumes: boolFlag("Remove anonymous volumes associated with the container", { short: "v" }),
  },
  async run(cli, { flags, args }) {
    const engine = await cli.engine();
    const query = {
      force: flags.force || undefined,
      link: flags.link || undefined,
      v: flags.volumes || undefined,
    };
    return eachContainer(cli, args, async (typed) => {
      const name = typed.replace(/^\/+|\/+$/g, "");
      if (name === "") throw new NotFoundError("container name cannot be empty");
      try {
        await engine.send("DELETE", containerPath(name), { query });
      } catch (error) {
        // With --force what is gone already is as wanted; it is still said.
        if (!flags.force || !(error instanceof NotFoundError)) throw error;
        cli.errors.write(`${error.message}\n`);
        return undefined;
      }
      return typed;
    });
  },
});
