import type { ContainerWaitResponse } from "@docker/node-sdk";
import { FailedPreconditionError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { containerPath, eachContainer } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  args: atLeast(1),
  completeArgs: ["running-containers"],
  flags: {},
  async run(cli, { args }) {
    const engine = await cli.engine();
    return eachContainer(cli, args, async (name) => {
      const ended = await engine.postJson<ContainerWaitResponse>(containerPath(name, "/wait"));
      if (ended.Error?.Message) throw new FailedPreconditionError(ended.Error.Message);
      return String(ended.StatusCode);
    });
  },
});
