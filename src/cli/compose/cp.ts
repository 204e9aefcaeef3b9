import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { copyFromContainer } from "#cli/container/cp/from-container.ts";
import { splitCopyArgument } from "#cli/container/cp/paths.ts";
import { copyToContainer } from "#cli/container/cp/to-container.ts";
import { boolFlag, intFlag } from "#cli/command/flags.ts";
import { runningContainers } from "#compose/act/service-container.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";
import { dryRun } from "./project/flags.ts";
import { actParts, nameAndProject } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-",
  usageAlternatives: ["compose cp [OPTIONS] SRC_PATH|- SERVICE:DEST_PATH"],
  args: exactly(2),
  completeArgs: ["files"],
  flags: {
    all: boolFlag("Include containers created by the run command"),
    archive: boolFlag("Archive mode (copy all uid/gid information)", { short: "a" }),
    "dry-run": dryRun,
    "follow-link": boolFlag("Always follow symbol link in SRC_PATH", { short: "L" }),
    index: intFlag("Index of the container if service has multiple replicas", { type: "int" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const [source = "", destination = ""] = args;
    const from = splitCopyArgument(source);
    const to = splitCopyArgument(destination);
    const service = from.container ?? to.container;
    if (from.container !== undefined && to.container !== undefined) {
      throw new InvalidArgumentError("copying between services is not supported");
    }
    if (service === undefined) throw new InvalidArgumentError("unknown copy direction");
    const { projectName } = await nameAndProject(cli, groupFlags);
    using parts = await actParts(cli, groupFlags, flags);
    const containers = await copiedContainers(service, () =>
      runningContainers(projectName, service, parts, {
        index: flags.index,
        withOneOffs: flags.all,
        withStopped: true,
      }),
    );
    const options = {
      keepsOwners: flags.archive,
      followsLink: flags["follow-link"],
      isQuiet: true,
    };
    const copy = async ({ id, name }: ObservedContainer): Promise<void> => {
      const [left, right] =
        from.container === undefined
          ? [source, `${name}:${to.path}`]
          : [`${name}:${from.path}`, destination];
      const report = (status: string): void =>
        parts.onProgress({ kind: "Task", name, status: `copy ${left} to ${right} ${status}` });
      report("Copying");
      if (!parts.isDryRun) {
        if (from.container === undefined) {
          await copyToContainer(cli, { ...options, ...to, container: id, source: from.path });
        } else {
          await copyFromContainer(cli, { ...options, ...from, container: id, target: to.path });
        }
      }
      report("Copied");
    };
    // from one, to all; an archive on standard input can be read once
    const [first] = containers;
    const isOne = from.container !== undefined || source === "-";
    if (isOne && first) await copy(first);
    else await Promise.all(containers.map((each) => parts.slots.run(() => copy(each))));
    return 0;
  },
});

async function copiedContainers(
  service: string,
  find: () => Promise<readonly ObservedContainer[]>,
): Promise<readonly ObservedContainer[]> {
  try {
    return await find();
  } catch (error) {
    const isNone = error instanceof NotFoundError && error.message.endsWith(" is not running");
    if (!isNone) throw error;
    throw new NotFoundError(`no container found for service ${JSON.stringify(service)}`, {
      cause: error,
    });
  }
}
