import type { Volume } from "@docker/node-sdk";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { listFlag } from "#cli/command/flags.ts";
import { labelMap } from "#cli/label-map.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SOURCE VOLUME",
  description: "Make a volume with the content and labels of another",
  args: exactly(2),
  completeArgs: ["volumes"],
  flags: { label: listFlag("Set metadata for the new volume") },
  async run(cli, { flags, args }) {
    const [source = "", name = ""] = args;
    const engine = await cli.engine();
    const path = `/wharf/volumes/${encodeURIComponent(source)}/clone`;
    const volume = await engine.postJson<Volume>(path, {
      json: { Name: name, Labels: labelMap(flags.label) },
    });
    cli.output.write(`${volume.Name}\n`);
    return 0;
  },
});
