import { PermissionDeniedError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import {
  checkDockerSocket,
  checkUnits,
  hasGroup,
  hasSystemd,
  runSystemctl,
  writeUnits,
} from "./service/service-host.ts";
import { planUnits, type UnitFile } from "./service/unit-files.ts";

/** Groups that the socket goes to, the first that the host has. */
const USUAL_GROUPS = ["docker", "wharf"];

function chooseGroup(named: string): string {
  return named !== "" ? named : (USUAL_GROUPS.find(hasGroup) ?? "root");
}

function show(cli: Cli, directory: string, units: readonly UnitFile[]): void {
  for (const { name, text } of units) cli.output.write(`==> ${directory}/${name}\n${text}\n`);
}

export const command: Command = defineCommand({
  usage: "[OPTIONS] [-- DAEMON-FLAG...]",
  description: `Install the engine as a service of systemd, started at boot and by the first request.

What follows \`--\` are flags of \`wharf daemon\`. Containers outlive a restart of the service.`,
  args: atLeast(0),
  flags: {
    "docker-socket": boolFlag("Serve /run/docker.sock too, where no other engine does"),
    "dry-run": boolFlag("Print the units and change nothing"),
    executable: stringFlag("Path of wharf in the unit (default: this one)"),
    group: stringFlag("Group that may use the socket (default: docker, else wharf, else root)"),
    "no-start": boolFlag("Write the units, do not enable and start them"),
    socket: stringFlag("Path of the API socket", { default: "/run/wharf.sock" }),
    "unit-dir": stringFlag("Folder of the units", { default: "/etc/systemd/system" }),
  },
  async run(cli, { flags, args }) {
    const directory = flags["unit-dir"];
    const units = planUnits({
      executable: flags.executable || process.execPath,
      daemonFlags: args,
      socket: flags.socket,
      group: chooseGroup(flags.group),
      dockerSocket: flags["docker-socket"],
    });
    if (flags["dry-run"]) {
      show(cli, directory, units);
      return 0;
    }
    if (process.getuid?.() !== 0) {
      throw new PermissionDeniedError("Cannot install the service: only root may; see --dry-run");
    }
    if (flags["docker-socket"]) await checkDockerSocket(directory);
    checkUnits(directory, units);
    writeUnits(directory, units);
    for (const { name } of units) cli.output.write(`Wrote ${directory}/${name}\n`);
    if (flags["no-start"] || !hasSystemd()) {
      cli.output.write(
        "Start it by: systemctl daemon-reload && systemctl enable --now wharf.socket wharf.service\n",
      );
      return 0;
    }
    await runSystemctl(["daemon-reload"]);
    await runSystemctl(["enable", "--now", ...units.map(({ name }) => name).reverse()]);
    cli.output.write("Wharf runs, and will at each boot: see `systemctl status wharf`\n");
    return 0;
  },
});
