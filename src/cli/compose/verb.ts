import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { eachContainer, meantContainers } from "#compose/act/each-container.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

/** A command that tells one thing to each container: `pause`, `unpause`. */
export function verbCommand(
  verb: string,
  words: readonly [doing: string, done: string],
  isMeant: (container: ObservedContainer) => boolean,
): Command {
  return defineCommand({
    usage: "[SERVICE...]",
    args: atLeast(0),
    flags: { "dry-run": dryRun },
    async run(cli, { flags, args, groupFlags }) {
      const meant = { ...(await nameAndProject(cli, groupFlags)), services: args };
      using parts = await actParts(cli, groupFlags, flags);
      const containers = (await meantContainers(meant, parts)).filter(isMeant);
      await eachContainer(containers, parts, words, ({ id }) =>
        parts.engine.send("POST", `/containers/${id}/${verb}`),
      );
      return 0;
    },
  });
}
