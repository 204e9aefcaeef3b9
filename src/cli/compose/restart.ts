import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag, intFlag } from "#cli/command/flags.ts";
import { eachContainer, meantContainers } from "#compose/act/each-container.ts";
import { inDependencyOrder } from "#compose/act/by-dependency.ts";
import { graceSeconds } from "#compose/act/grace.ts";
import { runHooks } from "#compose/act/hooks.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { Project } from "#compose/model/project.ts";
import { observeDetails } from "#compose/observe/details.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import { containerHash, firstOf } from "#compose/plan/container-hash.ts";
import { changesOfContainer } from "#compose/plan/plan-up.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject, timeoutOf } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "no-deps": boolFlag("Don't restart dependent services"),
    timeout: intFlag("Specify a shutdown timeout in seconds", { short: "t", type: "int" }),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    const isAlone = args.length === 0 || flags["no-deps"];
    const services = isAlone || !project ? args : withRestarted(project, args);
    using parts = await actParts(cli, groupFlags, flags);
    const containers = await meantContainers({ projectName, project, services }, parts);
    if (project) await warnOfDrift(cli, project, containers, parts);
    const timeoutSeconds = timeoutOf(flags, isSet);
    await inDependencyOrder(containers, async (ready) => {
      await eachContainer(
        ready,
        parts,
        ["Restarting", "Started"],
        async ({ id, service, state }) => {
          const definition = project?.services.get(service);
          if (state === "running") await runHooks(definition?.pre_stop ?? [], id, parts);
          const seconds = graceSeconds(definition, timeoutSeconds);
          const query = seconds === undefined ? {} : { t: seconds };
          await parts.engine.send("POST", `/containers/${id}/restart`, { query });
          await runHooks(definition?.post_start ?? [], id, parts);
        },
      );
    });
    return 0;
  },
});

/** The named services and, on and on, those that are to be restarted with them. */
function withRestarted(project: Project, named: readonly string[]): readonly string[] {
  const found = new Set(named);
  for (const name of found) {
    for (const [other, { depends_on: needs }] of project.services) {
      // a set is walked to what is added on the way
      if (needs?.get(name)?.restart === true) found.add(other);
    }
  }
  return [...found];
}

/** A restart runs the container as it was made: where the file says something else by now, that is said. */
async function warnOfDrift(
  cli: Cli,
  project: Project,
  containers: readonly ObservedContainer[],
  { engine }: ActParts,
): Promise<void> {
  const all = await observeContainers(engine, project.name, { withOneOffs: false });
  const containerOf = firstOf(all);
  const drifted = containers.filter(({ service, configHash }) => {
    const wanted = project.services.get(service);
    if (wanted === undefined || configHash === "") return false;
    return configHash !== containerHash(wanted, containerOf);
  });
  const details = await observeDetails(
    engine,
    drifted.map(({ id }) => id),
  );
  for (const container of drifted) {
    const seen = { containers: all, details };
    const changes = changesOfContainer(project, container.service, container, seen) ?? [];
    const keys = changes.map(
      ({ key, from, to }) => ` ${key} (${from ?? "unset"} → ${to ?? "unset"})`,
    );
    const what = keys.length === 0 ? "something else" : `another${keys.join(",")}`;
    cli.errors.write(
      `WARNING: ${container.name} restarts as it was made; the file says ${what} by now: 'wharf compose up' makes it so\n`,
    );
  }
}
