import type { Volume } from "@docker/node-sdk";
import { FailedPreconditionError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  args: exactly(1),
  completeArgs: ["volumes"],
  flags: {
    availability: stringFlag('Cluster Volume availability ("active", "pause", "drain")', {
      default: "active",
      complete: ["active", "pause", "drain"],
      minApi: "1.42",
    }),
  },
  async run(cli, { flags, args, isSet }) {
    const engine = await cli.engine();
    const [name = ""] = args;
    const volume = await engine.getJson<Volume>(`/volumes/${encodeURIComponent(name)}`);
    const { ClusterVolume: cluster } = volume;
    if (!cluster) throw new FailedPreconditionError("can only update cluster volumes");
    const spec = {
      ...cluster.Spec,
      ...(isSet("availability") ? { Availability: flags.availability } : {}),
    };
    await engine.send("PUT", `/volumes/${encodeURIComponent(cluster.ID ?? name)}`, {
      query: { version: String(cluster.Version?.Index ?? 0) },
      json: { Spec: spec },
    });
    return 0;
  },
});
