import { messageOf, WharfError } from "#base/errors.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import { findImage, pullImage } from "#compose/act/images.ts";
import type { Project } from "#compose/model/project.ts";
import { openProject } from "#compose/open-project.ts";
import { dependentImages } from "#compose/plan/dependent-images.ts";
import { planPull, type PullStep } from "#compose/plan/plan-pull.ts";
import type { KnownImage } from "#compose/plan/pull-policy.ts";
import { withServices } from "#compose/select-services.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts } from "./project/surroundings.ts";

const POLICIES = ["missing", "always"];

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "dry-run": dryRun,
    "ignore-buildable": boolFlag("Ignore images that can be built"),
    "ignore-pull-failures": boolFlag("Pull what it can and ignores images with pull failures"),
    "include-deps": boolFlag("Also pull services declared as dependencies"),
    "no-parallel": boolFlag("DEPRECATED disable parallel pulling", { hidden: true, default: true }),
    parallel: boolFlag("DEPRECATED pull multiple images in parallel", {
      hidden: true,
      default: true,
    }),
    policy: stringFlag('Apply pull policy ("missing"|"always")', { complete: POLICIES }),
    quiet: boolFlag("Pull without printing progress information", { short: "q" }),
  },
  async run(cli, { flags, args, groupFlags }) {
    const { policy } = flags;
    if (policy !== "" && !POLICIES.includes(policy)) {
      throw new ExitError(`invalid --policy ${JSON.stringify(policy)}: want missing or always`, 1);
    }
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const withDependencies = flags["include-deps"];
    const project = withServices(whole, args, { withDependencies });
    using parts = await actParts(cli, groupFlags, flags);
    const images = await knownImages(project, parts);
    const ignoresBuildable = flags["ignore-buildable"];
    const steps = planPull(project, { ignoresBuildable, policy, images });
    const failed = await pullAll(steps, parts, {
      isQuiet: flags.quiet,
      stopsAtFailure: !flags["ignore-pull-failures"],
    });
    const toBuild = failed.filter(({ step }) => step.isBuildable).map(({ step }) => step.service);
    if (toBuild.length > 0) {
      cli.errors.write(
        `WARNING: Some service image(s) must be built from source by running:\n    wharf compose build ${toBuild.join(" ")}\n`,
      );
    }
    if (failed.length === 0 || flags["ignore-pull-failures"]) return 0;
    throw new ExitError([...new Set(failed.map(({ error }) => messageOf(error)))].join("\n"), 1);
  },
});

async function knownImages(
  project: Project,
  parts: ActParts,
): Promise<ReadonlyMap<string, KnownImage>> {
  const names = new Set(
    [...project.services].flatMap(([name, service]) => [
      ...(service.image === undefined ? [] : [service.image]),
      ...dependentImages(name, service).map(({ reference }) => reference),
    ]),
  );
  const found = await Promise.all(
    [...names].map(async (name) => [name, await findImage(name, parts)] as const),
  );
  return new Map(found.flatMap(([name, image]) => (image ? [[name, image] as const] : [])));
}

type Pulling = Extract<PullStep, { readonly action: "pull" }>;

interface Failure {
  readonly step: Pulling;
  readonly error: WharfError;
}

/** Pulls at once; the first that fails and cannot be built ends the others, where that is wanted. */
async function pullAll(
  steps: readonly PullStep[],
  parts: ActParts,
  options: { readonly isQuiet: boolean; readonly stopsAtFailure: boolean },
): Promise<readonly Failure[]> {
  const report = (name: string, status: string): void =>
    parts.onProgress({ kind: "Service", name, status });
  for (const step of steps) if (step.action === "skip") report(step.service, step.why);
  const stop = new AbortController();
  const failed: Failure[] = [];
  const pulls = steps.filter((step) => step.action === "pull");
  for (const { service } of pulls) report(service, "Pulling");
  await Promise.all(
    pulls.map((step) =>
      parts.slots.run(async () => {
        const { service, image, platform } = step;
        if (stop.signal.aborted) return;
        try {
          const onLayer = (name: string, status: string): void => {
            if (!options.isQuiet) {
              parts.onProgress({ kind: "Service", name, status, parent: service });
            }
          };
          if (!parts.isDryRun) {
            await pullImage(image, platform, { ...parts, signal: stop.signal }, onLayer);
          }
          report(service, "Pulled");
        } catch (error) {
          if (!(error instanceof WharfError)) throw error;
          if (stop.signal.aborted) return report(service, "Interrupted");
          const word = step.isBuildable ? "Warning" : "Error";
          report(service, `${word} ${messageOf(error)}`);
          failed.push({ step, error });
          if (options.stopsAtFailure && !step.isBuildable) stop.abort();
        }
      }),
    ),
  );
  return failed;
}
