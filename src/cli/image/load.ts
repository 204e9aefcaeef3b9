import { InvalidArgumentError } from "#base/errors.ts";
import { parseJsonStream } from "#client/json-stream.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag, stringSliceFlag } from "#cli/command/flags.ts";
import { fileChunks } from "#cli/output/files.ts";
import { type ProgressMessage, showProgress } from "#cli/output/progress.ts";
import { platformQuery } from "./platform-flag.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: {
    input: stringFlag("Read from tar archive file, instead of STDIN", {
      short: "i",
      complete: "files",
    }),
    platform: stringSliceFlag(
      'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      { minApi: "1.48" },
    ),
    quiet: boolFlag("Suppress the load output", { short: "q" }),
  },
  async run(cli, { flags }) {
    if (flags.input === "" && cli.input.isTerminal) {
      throw new InvalidArgumentError("requested load from stdin, but stdin is empty");
    }
    const stream = flags.input === "" ? cli.input.chunks() : fileChunks(flags.input);
    const engine = await cli.engine();
    const answer = await engine.request("POST", "/images/load", {
      query: {
        quiet: flags.quiet || !cli.output.isTerminal,
        platform: flags.platform.map(platformQuery),
      },
      stream,
      contentType: "application/x-tar",
    });
    if (answer.header("content-type")?.startsWith("application/json")) {
      await showProgress(parseJsonStream<ProgressMessage>(answer.body()), cli.output);
      return 0;
    }
    for await (const chunk of answer.body()) await cli.output.pump(chunk);
    return 0;
  },
});
