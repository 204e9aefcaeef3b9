import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { command as config } from "./config.ts";

/** `config` by its old name, which has fewer flags. */
export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    format: stringFlag("Format the output. Values: [yaml | json]", {
      default: "yaml",
      complete: ["yaml", "json"],
    }),
    hash: stringFlag("Print the service config hash, one per line."),
    images: boolFlag("Print the image names, one per line."),
    "no-consistency": boolFlag(
      "Don't check model consistency - warning: may produce invalid Compose output",
    ),
    "no-interpolate": boolFlag("Don't interpolate environment variables"),
    "no-normalize": boolFlag("Don't normalize compose model"),
    output: stringFlag("Save to file (default to stdout)", { short: "o", complete: "files" }),
    profiles: boolFlag("Print the profile names, one per line."),
    quiet: boolFlag("Only validate the configuration, don't print anything", { short: "q" }),
    "resolve-image-digests": boolFlag("Pin image tags to digests"),
    services: boolFlag("Print the service names, one per line."),
    volumes: boolFlag("Print the volume names, one per line."),
  },
  run(cli, invocation) {
    const initial = Object.entries(config.flags).map(([name, flag]) => [name, flag.initial]);
    return config.run(cli, {
      ...invocation,
      flags: { ...Object.fromEntries(initial), ...invocation.flags },
    });
  },
});
