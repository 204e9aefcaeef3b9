import { InvalidArgumentError } from "#base/errors.ts";
import { wharfVersion } from "#base/version.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { boolFlag } from "#cli/command/flags.ts";
import { bringUp } from "#compose/act/up.ts";
import { MAX_SCALE } from "#compose/check-project.ts";
import { openProject } from "#compose/open-project.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { imageBuilding } from "./building/image-building.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[SERVICE=REPLICAS...]",
  args: atLeast(1),
  flags: { "dry-run": dryRun, "no-deps": boolFlag("Don't start linked services") },
  async run(cli, { flags, args, groupFlags }) {
    const scale = new Map(args.map(parseReplicas));
    const services = [...scale.keys()];
    const whole = await openProject(projectRequest(cli, groupFlags), { services });
    const withDependencies = !flags["no-deps"];
    const project = withoutUnused(withServices(whole, services, { withDependencies }));
    using parts = await actParts(cli, groupFlags, flags);
    await bringUp(project, parts, {
      services,
      recreate: "diverged",
      recreateDependencies: "diverged",
      scale,
      removesOrphans: false,
      renewsVolumes: false,
      timeoutSeconds: undefined,
      pull: "policy",
      isQuietPull: false,
      building: imageBuilding(cli, whole, parts, { build: false, noBuild: false, isQuiet: false }),
      isStarted: true,
      version: wharfVersion,
    });
    return 0;
  },
});

function parseReplicas(text: string): readonly [string, number] {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError(`invalid scale specifier: ${text}`);
  const count = text.slice(at + 1);
  if (/^\d{1,6}$/.test(count) && Number(count) <= MAX_SCALE) {
    return [text.slice(0, at), Number(count)];
  }
  if (/^\d+$/.test(count)) {
    throw new InvalidArgumentError(`cannot scale to ${count}: at most to ${MAX_SCALE}`);
  }
  throw new InvalidArgumentError(
    `invalid scale specifier: can't parse replica value as int: ${text}`,
  );
}
