import { UnsupportedError } from "#base/errors.ts";
import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command.ts";
import { resourceFlags } from "#cli/container/create-request/resources.ts";
import { ExitError } from "#cli/exit-error.ts";
import { boolFlag, listFlag, stringFlag } from "#cli/flags.ts";
import { bakeFile } from "#compose/build/bake-file.ts";
import { buildTargets } from "#compose/build/targets.ts";
import { openProject } from "#compose/open-project.ts";
import { withoutUnused, withServices } from "#compose/select-services.ts";
import { buildImages, checkBuilds } from "./building/build-images.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { pushImages } from "./pulling/push-images.ts";
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
    const whole = openProject(projectRequest(cli, groupFlags), { services: args });
    const withDependencies = flags["with-dependencies"];
    // build contexts of services that are not named are still their project's
    const chosen = withServices(whole, args, { withDependencies });
    const targets = buildTargets(whole, [...chosen.services.keys()]);
    const options = {
      args: flags["build-arg"],
      isUncached: flags["no-cache"],
      pulls: flags.pull,
      memoryBytes: flags.memory,
      ssh: parseSsh(cli, flags.ssh),
      isForStart: false,
      version: wharfVersion,
    };
    if (flags.print) {
      const { check: isChecked, push: isPushed, provenance, sbom } = flags;
      const file = bakeFile(whole, targets, { ...options, isChecked, isPushed, provenance, sbom });
      cli.output.write(`${goJson(file)}\n`);
      return 0;
    }
    refuse(flags);
    if (isSet("compress") || isSet("force-rm") || isSet("no-rm") || isSet("parallel")) {
      cli.errors.write("WARNING: --compress, --force-rm, --no-rm and --parallel mean nothing\n");
    }
    const isQuiet = flags.quiet || flags.progress === "quiet";
    const asked = isQuiet ? { ...groupFlags.values, progress: "quiet" } : groupFlags.values;
    using parts = await actParts(cli, { ...groupFlags, values: asked }, flags);
    const build = { project: withoutUnused(whole), targets, options, isQuiet };
    if (flags.check) return await checkBuilds(cli, build);
    await buildImages(cli, parts, build);
    if (flags.push) {
      const named = [...targets.values()].filter(({ service }) => service.image !== undefined);
      await pushImages(
        named.map(({ name, image, build }) => ({ name, images: [...(build.tags ?? []), image] })),
        parts,
        { ignoresFailures: false, isQuiet },
      );
    }
    return 0;
  },
});

function refuse(flags: {
  readonly builder: string;
  readonly provenance: string;
  readonly sbom: string;
}): void {
  if (flags.builder !== "" && flags.builder !== "default") {
    throw new ExitError(`no builder ${JSON.stringify(flags.builder)} found`, 1);
  }
  for (const name of ["provenance", "sbom"] as const) {
    if (flags[name] === "" || flags[name] === "false") continue;
    throw new UnsupportedError(`--${name}: attestations cannot be made`);
  }
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

/** As Go writes JSON: what HTML could take for its own is escaped. */
function goJson(value: object): string {
  return JSON.stringify(value, undefined, 2).replace(
    /[<>&]/g,
    (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`,
  );
}
