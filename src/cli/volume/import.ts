import type { Volume } from "@docker/node-sdk";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { listFlag } from "#cli/command/flags.ts";
import { labelMap } from "#cli/label-map.ts";
import { fileChunks } from "#cli/output/files.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] file|- VOLUME",
  description: "Make a volume from a tar archive, plain or compressed; all of it or nothing",
  args: exactly(2),
  completeArgs: ["files"],
  flags: { label: listFlag("Set metadata for the volume") },
  async run(cli, { flags, args }) {
    const [source = "", name = ""] = args;
    const stream = source === "-" ? cli.input.chunks() : fileChunks(source);
    const engine = await cli.engine();
    const path = `/wharf/volumes/${encodeURIComponent(name)}/import`;
    const volume = await engine.postJson<Volume>(path, {
      query: flags.label.length === 0 ? {} : { labels: JSON.stringify(labelMap(flags.label)) },
      stream,
      contentType: "application/x-tar",
    });
    cli.output.write(`${volume.Name}\n`);
    return 0;
  },
});
