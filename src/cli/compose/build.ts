import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/command/flags.ts";
import { bakeFile } from "#compose/build/bake-file.ts";
import type { BuildOptions } from "#compose/build/options.ts";
import { type BuildTarget, buildTargets } from "#compose/build/targets.ts";
import { openProject } from "#compose/open-project.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { buildImages, checkBuilds } from "./building/build-images.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { actParts } from "./project/surroundings.ts";

const gone = { hidden: true, default: true } as const;

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags: {
    "build-arg": listFlag("Set build-time variables for services", { type: "stringArray" }),
    builder: stringFlag("Set builder to use"),
    check: boolFlag("Check build configuration"),
    compress: boolFlag("Compress the build context using gzip. DEPRECATED", gone),
    "dry-run": dryRun,
    "force-rm": boolFlag("Always remove intermediate containers. DEPRECATED", gone),
    memory: {
      ...resourceFlags.memory,
      help: "Set memory limit for the build container. Not supported by BuildKit.",
    },
    "no-cache": boolFlag("Do not use cache when building the image"),
    "no-rm": boolFlag(
      "Do not remove intermediate containers after a successful build. DEPRECATED",
      {
        hidden: true,
      },
    ),
    parallel: boolFlag("Build images in parallel. DEPRECATED", gone),
    print: boolFlag("Print equivalent bake file"),
    progress: stringFlag("Set type of ui output (auto, tty, plain, json, quiet)", { hidden: true }),
    provenance: stringFlag("Add a provenance attestation"),
    pull: boolFlag("Always attempt to pull a newer version of the image"),
    push: boolFlag("Push service images"),
    quiet: boolFlag("Suppress the build output", { short: "q" }),
    sbom: stringFlag("Add a SBOM attestation"),
    ssh: stringFlag(
      "Set SSH authentications used when building service images. (use 'default' for using your default SSH Agent)",
    ),
    "with-dependencies": boolFlag("Also build dependencies (transitively)"),
  },
  async run(cli, { flags, args, groupFlags, isSet }) {
    const whole = await openProject(projectRequest(cli, groupFlags), { services: args });
    const chosen = (withDependencies: boolean): ReadonlyMap<string, BuildTarget> => {
      const { services } = withServices(whole, args, { withDependencies });
      // build contexts of services that are not named are still their project's
      return buildTargets(whole, [...services.keys()]);
    };
    const targets = chosen(flags["with-dependencies"]);
    const options: BuildOptions = {
      args: flags["build-arg"],
      isUncached: flags["no-cache"],
      pulls: flags.pull,
      memoryBytes: flags.memory,
      ssh: parseSsh(cli, flags.ssh),
      isForStart: false,
      isPushed: flags.push,
      isChecked: flags.check,
      provenance: flags.provenance,
      sbom: flags.sbom,
      version: wharfVersion,
    };
    if (flags.print) {
      if (targets.size > 0) {
        cli.output.write(`${bakeFile(whole, targets, chosen(true), options)}\n`);
      }
      return 0;
    }
    refuseBuilder(flags.builder);
    if (isSet("compress") || isSet("force-rm") || isSet("no-rm") || isSet("parallel")) {
      cli.errors.write("WARNING: --compress, --force-rm, --no-rm and --parallel mean nothing\n");
    }
    const { progress } = flags;
    if (progress !== "") {
      cli.errors.write(
        `WARNING: --progress is a global compose flag, better use 'wharf compose --progress ${progress} build ...'\n`,
      );
    }
    const isQuiet = flags.quiet || progress === "quiet";
    const style = isQuiet ? "quiet" : progress;
    const asked = style === "" ? groupFlags.values : { ...groupFlags.values, progress: style };
    using parts = await actParts(cli, { ...groupFlags, values: asked }, flags);
    const project = withoutUnused(whole);
    const request = { project, targets, options, isQuiet, isFlowing: false };
    if (flags.check) return await checkBuilds(cli, parts, request);
    await buildImages(cli, parts, request);
    return 0;
  },
});

function refuseBuilder(builder: string): void {
  if (builder === "" || builder === "default") return;
  throw new ExitError(`no builder ${JSON.stringify(builder)} found`, 1);
}

/** `default`, `ID=PATH`, several by commas. */
function parseSsh(cli: Cli, text: string): ReadonlyMap<string, string> {
  const entries = text.split(",").filter((one) => one !== "");
  return new Map(
    entries.map((one): [string, string] => {
      const at = one.indexOf("=");
      if (at >= 0) return [one.slice(0, at), one.slice(at + 1)];
      if (one === "default") return [one, cli.env["SSH_AUTH_SOCK"] ?? ""];
      throw new ExitError(`invalid ssh key ${JSON.stringify(one)}: want ID=PATH or default`, 1);
    }),
  );
}
