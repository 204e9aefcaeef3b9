import { InvalidArgumentError } from "#base/errors.ts";
import { type Command, atLeast, defineCommand } from "#cli/command/command.ts";
import { stringFlag, stringSliceFlag } from "#cli/command/flags.ts";
import { checkOutputPath, writeFileAtomically } from "#cli/output/files.ts";
import { platformQuery } from "./platform-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  args: atLeast(1),
  completeArgs: ["images"],
  flags: {
    output: stringFlag("Write to a file, instead of STDOUT", { short: "o", complete: "files" }),
    platform: stringSliceFlag(
      'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      { minApi: "1.48" },
    ),
  },
  async run(cli, { flags, args }) {
    if (flags.output !== "") checkOutputPath(flags.output, "failed to save image");
    else if (cli.output.isTerminal) {
      throw new InvalidArgumentError(
        "cowardly refusing to save to a terminal. Use the -o flag or redirect",
      );
    }
    const engine = await cli.engine();
    const signal = flags.output === "" ? undefined : cli.interruption();
    const answer = await engine.request("GET", "/images/get", {
      query: { names: args, platform: flags.platform.map(platformQuery) },
      ...(signal ? { signal } : {}),
    });
    if (flags.output !== "") await writeFileAtomically(flags.output, answer.body());
    else for await (const chunk of answer.body()) await cli.output.pump(chunk);
    return 0;
  },
});
