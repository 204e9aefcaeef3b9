import { atLeast, type Command, defineCommand } from "#cli/command.ts";
import { boolFlag, intFlag } from "#cli/flags.ts";
import { eachContainer, meantContainers } from "#compose/act/each-container.ts";
import { graceSeconds } from "#compose/act/grace.ts";
import { serviceHash } from "#compose/model/hash.ts";
import { dryRun } from "./project-flags.ts";
import { actParts, nameAndProject, timeoutOf } from "./surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "no-deps": boolFlag("Don't restart dependent services"),
    timeout: intFlag("Specify a shutdown timeout in seconds", { short: "t", type: "int" }),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const { projectName, project } = nameAndProject(cli, groupFlags);
    const dependents = [...(project?.services ?? [])]
      .filter(([, { depends_on: needs }]) =>
        [...(needs ?? [])].some(([name, { restart }]) => restart === true && args.includes(name)),
      )
      .map(([name]) => name);
    const services = args.length === 0 || flags["no-deps"] ? args : [...args, ...dependents];
    using parts = await actParts(cli, groupFlags, flags);
    const containers = await meantContainers({ projectName, project, services }, parts);
    for (const { name, service, configHash } of containers) {
      const wanted = project?.services.get(service);
      if (!wanted || configHash === "" || configHash === serviceHash(wanted)) continue;
      cli.errors.write(
        `WARNING: ${name} restarts as it was made; the file says something else by now: 'wharf compose up' makes it so\n`,
      );
    }
    const timeoutSeconds = timeoutOf(flags, isSet);
    await eachContainer(containers, parts, ["Restarting", "Started"], ({ id, service }) => {
      const seconds = graceSeconds(project?.services.get(service), timeoutSeconds);
      const query = seconds === undefined ? {} : { t: seconds };
      return parts.engine.send("POST", `/containers/${id}/restart`, { query });
    });
    return 0;
  },
});
