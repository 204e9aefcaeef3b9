import { compareNaturally } from "#base/tables.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { containerPath } from "#cli/container/each-container.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { type ListFormat, writeList } from "#cli/output/list.ts";
import { experimentalEngine } from "./experimental.ts";

interface Checkpoint {
  readonly Name: string;
}

const format: ListFormat<Checkpoint> = {
  goType: "*checkpoint.checkpointContext",
  table: "{{.Name}}",
  quiet: "{{.Name}}",
  headers: { Name: "CHECKPOINT NAME" },
  fields: ({ Name }) => ({ Name }),
};

export const command: Command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  args: exactly(1),
  completeArgs: ["containers"],
  flags: { "checkpoint-dir": stringFlag("Use a custom checkpoint storage directory") },
  async run(cli, { flags, args, commandLine }) {
    const [container = ""] = args;
    const engine = await experimentalEngine(cli, commandLine);
    const path = containerPath(container, "/checkpoints");
    const checkpoints = await engine.getJson<readonly Checkpoint[] | null>(path, {
      query: { dir: flags["checkpoint-dir"] || undefined },
    });
    const sorted = (checkpoints ?? []).toSorted((a, b) => compareNaturally(a.Name, b.Name));
    writeList(cli, format, sorted, "table");
    return 0;
  },
});
