import { messageOf } from "#base/errors.ts";
import type { BuildClient } from "#build-client/build-client.ts";
import { buildTargets } from "#cli/bake/build-targets.ts";
import { callTargets } from "#cli/bake/call-targets.ts";
import { TargetFailedError } from "#cli/bake/target-failed-error.ts";
import type { Cli } from "#cli/cli.ts";
import type { CommandParts } from "#cli/compose/project/surroundings.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { excerptsOf } from "#cli/image/building/build-error.ts";
import { openView } from "#cli/image/building/progress/open-view.ts";
import { shown } from "#cli/image/building/run-build.ts";
import { bakeName } from "#compose/build/bake-target.ts";
import type { Project } from "#compose/model/project.ts";
import { type BakePlan, planBake } from "./bake-plan.ts";
import type { ImageBuild } from "./image-build.ts";

/**
 * Builds the images of services as bake builds targets: side by side, in one view.
 *
 * @throws {ExitError} One has failed: with the lines of its Dockerfile, and its place in the Compose file.
 */
export async function buildByBuildKit(
  cli: Cli,
  client: BuildClient,
  parts: CommandParts,
  { project, targets, options, isQuiet, isFlowing, before }: ImageBuild,
): Promise<void> {
  const plan = planBake(project, targets, options);
  const mode = isFlowing && parts.stepsMode === "auto" ? "plain" : parts.stepsMode;
  parts.settle();
  const view = openView(cli, isQuiet ? "quiet" : mode, {
    output: cli.output,
    tellsBuilder: false,
  });
  const waiting = [...before].map(
    ([name, others]) => [bakeName(name), others.map(bakeName)] as const,
  );
  const { memoryBytes } = options;
  try {
    await shown(view, () =>
      buildTargets(cli, client, plan.resolved, view, {
        before: new Map(waiting),
        env: environmentOf(cli, project),
        limits: memoryBytes > 0 ? { memory: String(memoryBytes) } : {},
        slots: parts.slots,
      }),
    );
  } catch (error) {
    throw toExit(project, plan, error);
  }
}

/** Holds Dockerfiles against the build checks. @returns 1 where one has findings. */
export async function checkByBuildKit(
  cli: Cli,
  client: BuildClient,
  { project, targets, options }: ImageBuild,
): Promise<number> {
  const plan = planBake(project, targets, options);
  const call = { method: "check", format: "text" } as const;
  try {
    return await callTargets(cli, client, plan.resolved, call, environmentOf(cli, project));
  } catch (error) {
    throw toExit(project, plan, error);
  }
}

/** The user's variables, and those of the project's files. */
function environmentOf(cli: Cli, project: Project): Cli["env"] {
  return { ...cli.env, ...Object.fromEntries(project.environment) };
}

function toExit(project: Project, { serviceOf }: BakePlan, error: unknown): unknown {
  if (!(error instanceof TargetFailedError)) return error;
  const name = serviceOf.get(error.target) ?? error.target;
  const { build } = project.services.get(name) ?? project.disabledServices.get(name) ?? {};
  const key = build?.dockerfile_inline === undefined ? [] : ["dockerfile_inline"];
  const place = project.locate(["services", name, "build", ...key]);
  return new ExitError(`${excerptsOf(error)}${place}${messageOf(error)}`, 1, { cause: error });
}
