import { PermissionDeniedError } from "#base/errors.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { hasSystemd, ownUnits, removeUnits, runSystemctl } from "./service/service-host.ts";
import { UNIT_NAMES } from "./service/unit-files.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  description: `Stop the service that \`wharf system install\` made, and remove its units.

Containers stop with it, unless the engine has live-restore; images, volumes and records stay.`,
  args: noArguments,
  flags: {
    "dry-run": boolFlag("Print what would be removed and change nothing"),
    "unit-dir": stringFlag("Folder of the units", { default: "/etc/systemd/system" }),
  },
  async run(cli, { flags }) {
    const directory = flags["unit-dir"];
    const names = ownUnits(directory, UNIT_NAMES);
    if (names.length === 0) {
      cli.output.write(`Nothing to remove: no unit of Wharf in ${directory}\n`);
      return 0;
    }
    if (flags["dry-run"]) {
      cli.output.write(names.map((name) => `Would remove ${directory}/${name}\n`).join(""));
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new PermissionDeniedError("Cannot uninstall the service: only root may");
    }
    if (hasSystemd()) await runSystemctl(["disable", "--now", ...names]);
    removeUnits(directory, names);
    if (hasSystemd()) await runSystemctl(["daemon-reload"]);
    cli.output.write(names.map((name) => `Removed ${directory}/${name}\n`).join(""));
    return 0;
  },
});
