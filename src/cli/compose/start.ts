import { FailedPreconditionError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, intFlag } from "#cli/command/flags.ts";
import { awaitHealthy } from "#compose/act/await-condition.ts";
import { meantContainers } from "#compose/act/each-container.ts";
import { startServices } from "#compose/act/start-services.ts";
import { withServices } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    wait: boolFlag("Wait for services to be running|healthy. Implies detached mode."),
    "wait-timeout": intFlag(
      "Maximum duration in seconds to wait for the project to be running|healthy",
      { type: "int" },
    ),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { projectName, project } = await nameAndProject(cli, groupFlags);
    if (!project) {
      throw new FailedPreconditionError(
        `start needs the Compose files of ${projectName}: they say what starts before what`,
      );
    }
    const selected = withServices(project, args, { withDependencies: true });
    using parts = await actParts(cli, groupFlags, flags);
    const meant = { projectName, project, services: [...selected.services.keys()] };
    const containers = await meantContainers(meant, parts);
    const named = containers.filter(({ service }) => args.length === 0 || args.includes(service));
    if (named.length === 0) {
      const what = args.length === 0 ? projectName : args.join(", ");
      throw new FailedPreconditionError(
        `no container of ${what} to start: make them with 'wharf compose up'`,
      );
    }
    const made = new Map(
      [...selected.services.keys()].map((name) => [
        name,
        containers
          .filter(({ service }) => service === name)
          .map((each) => ({ id: each.id, name: each.name, hasRun: each.state !== "created" })),
      ]),
    );
    const running = containers.filter(({ state }) => state === "running").map(({ id }) => id);
    await startServices(selected, made, parts, new Set(running));
    if (!flags.wait || parts.isDryRun) return 0;
    const seconds = flags["wait-timeout"];
    const limit = seconds > 0 ? AbortSignal.timeout(seconds * 1000) : undefined;
    try {
      const waiting = limit ? { ...parts, signal: limit } : parts;
      await Promise.all(named.map(({ id }) => awaitHealthy(id, waiting)));
    } catch (error) {
      if (!limit?.aborted) throw error;
      throw new ExitError(`application not healthy after ${seconds}s`, 1, { cause: error });
    }
    return 0;
  },
});
