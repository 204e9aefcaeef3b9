import type { Volume } from "@docker/node-sdk";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import { type Command, between, defineCommand } from "#cli/command/command.ts";
import { type Flag, customFlag, listFlag, mapFlag, stringFlag } from "#cli/command/flags.ts";
import { labelMap } from "#cli/label-map.ts";
import { clusterFlagNames, clusterVolumeSpec } from "./cluster-spec.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  args: between(0, 1),
  flags: {
    availability: stringFlag('Cluster Volume availability ("active", "pause", "drain")', {
      default: "active",
      complete: ["active", "pause", "drain"],
      minApi: "1.42",
    }),
    driver: stringFlag("Specify volume driver name", { short: "d", default: "local" }),
    group: stringFlag("Cluster Volume group (cluster volumes)", { minApi: "1.42" }),
    label: listFlag("Set metadata for a volume"),
    "limit-bytes": bytesFlag("Minimum size of the Cluster Volume in bytes", { minApi: "1.42" }),
    name: stringFlag("Specify volume name", { hidden: true }),
    opt: mapFlag("Set driver specific options", { short: "o" }),
    "required-bytes": bytesFlag("Maximum size of the Cluster Volume in bytes", { minApi: "1.42" }),
    scope: stringFlag('Cluster Volume access scope ("single", "multi")', {
      default: "single",
      complete: ["single", "multi"],
      minApi: "1.42",
    }),
    secret: mapFlag("Cluster Volume secrets", { minApi: "1.42" }),
    sharing: stringFlag('Cluster Volume access sharing ("none", "readonly", "onewriter", "all")', {
      default: "none",
      complete: ["none", "readonly", "onewriter", "all"],
      minApi: "1.42",
    }),
    "topology-preferred": listFlag("A topology that the Cluster Volume would be preferred in", {
      minApi: "1.42",
    }),
    "topology-required": listFlag("A topology that the Cluster Volume must be accessible from", {
      minApi: "1.42",
    }),
    type: stringFlag('Cluster Volume access type ("mount", "block")', {
      default: "block",
      complete: ["mount", "block"],
      minApi: "1.42",
    }),
  },
  async run(cli, { flags, args, isSet }) {
    const [name] = args;
    if (name !== undefined && flags.name !== "") {
      throw new InvalidArgumentError(
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    }
    const isCluster = clusterFlagNames.some(isSet);
    const engine = await cli.engine();
    const volume = await engine.postJson<Volume>("/volumes/create", {
      json: {
        Name: name ?? flags.name,
        Driver: flags.driver,
        DriverOpts: flags.opt,
        Labels: labelMap(flags.label),
        ...(isCluster ? { ClusterVolumeSpec: clusterVolumeSpec(flags) } : {}),
      },
    });
    cli.output.write(`${volume.Name}\n`);
    return 0;
  },
});

function bytesFlag(help: string, options: { readonly minApi: string }): Flag<number> {
  return customFlag("bytes", help, "0", 0, (text) => parseBinarySize(text), options);
}
