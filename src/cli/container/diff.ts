import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { containerPath } from "./each-container.ts";

interface Change {
  readonly Path: string;
  readonly Kind: number;
}

const LETTERS: readonly string[] = ["C", "A", "D"];

export const command: Command = defineCommand({
  usage: "CONTAINER",
  args: exactly(1),
  completeArgs: ["containers"],
  flags: {},
  async run(cli, { args }) {
    const [name = ""] = args;
    const engine = await cli.engine();
    const changes = await engine.getJson<readonly Change[] | null>(containerPath(name, "/changes"));
    const lines = (changes ?? []).map(({ Path, Kind }) => `${LETTERS[Kind] ?? ""} ${Path}\n`);
    cli.output.write(lines.join(""));
    return 0;
  },
});
