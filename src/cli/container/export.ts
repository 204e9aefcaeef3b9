import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { checkOutputPath, writeFileAtomically } from "#cli/output/files.ts";
import { containerPath } from "./each-container.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  completeArgs: ["containers"],
  flags: {
    output: stringFlag("Write to a file, instead of STDOUT", { short: "o", complete: "files" }),
  },
  async run(cli, { flags, args }) {
    const [name = ""] = args;
    if (flags.output !== "") checkOutputPath(flags.output, "failed to export container");
    else if (cli.output.isTerminal) {
      throw new InvalidArgumentError(
        "cowardly refusing to save to a terminal. Use the -o flag or redirect",
      );
    }
    const engine = await cli.engine();
    const signal = flags.output === "" ? undefined : cli.interruption();
    const answer = await engine.request("GET", containerPath(name, "/export"), {
      ...(signal ? { signal } : {}),
    });
    if (flags.output !== "") await writeFileAtomically(flags.output, answer.body());
    else for await (const chunk of answer.body()) await cli.output.pump(chunk);
    return 0;
  },
});
