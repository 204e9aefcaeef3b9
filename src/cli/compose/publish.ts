import { readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { FailedPreconditionError, InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { wharfVersion } from "#base/version.ts";
import type { Cli } from "#cli/cli.ts";
import { type Command, defineCommand, exactly } from "#cli/command/command.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import { ManifestRegistry } from "#cli/manifest/registry.ts";
import { confirm } from "#cli/output/confirm.ts";
import { imageOf } from "#compose/build/targets.ts";
import { parseYaml } from "#compose/file/parse-yaml.ts";
import { Positions } from "#compose/file/positions.ts";
import { isMapping } from "#compose/file/tree.ts";
import type { Project } from "#compose/model/project.ts";
import { openProject } from "#compose/open-project.ts";
import { type Artifact, composeArtifact, type PublishedFile } from "#compose/publish/artifact.ts";
import { writeYaml } from "#compose/write-yaml.ts";
import {
  formatImageReference,
  type ImageReference,
  parseImageReference,
  withDefaultTag,
} from "#spec/reference.ts";
import { imagesOnly, withDigests } from "./config.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";
import { pushImages } from "./pulling/push-images.ts";
import { actParts } from "./project/surroundings.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS] REPOSITORY[:TAG]",
  args: exactly(1),
  flags: {
    app: boolFlag("Published compose application (includes referenced images)"),
    "dry-run": dryRun,
    "insecure-registry": boolFlag("Use insecure registry", { hidden: true }),
    "oci-version": stringFlag(
      "OCI image/artifact specification version (automatically determined by default)",
      { complete: ["1.0", "1.1"] },
    ),
    "resolve-image-digests": boolFlag("Pin image tags to digests"),
    "with-env": boolFlag("Include environment variables in the published OCI artifact"),
    yes: boolFlag('Assume "yes" as answer to all prompts', { short: "y" }),
  },
  async run(cli, { flags, args: [name = ""], groupFlags }) {
    const reference = withDefaultTag(parseImageReference(name));
    const ociVersion = ociVersionOf(flags["oci-version"]);
    if (flags.app) {
      throw new UnsupportedError("--app: images are not made part of what is published");
    }
    const request = projectRequest(cli, groupFlags);
    const project = await openProject(request);
    // env files are still named there
    const named = await openProject({ ...request, warn: () => {} }, { resolvesEnvironment: false });
    const files = readFiles(named, flags["with-env"]);
    using parts = await actParts(cli, groupFlags, flags);
    if (!flags.yes && !(await isAllowed(cli, project, flags["with-env"]))) return 0;
    if (flags["resolve-image-digests"]) {
      const pinned = writeYaml(imagesOnly(await withDigests(cli, project)));
      const bytes = new TextEncoder().encode(pinned);
      files.push({ kind: "compose", name: "image-digests.yaml", bytes });
    }
    const built = [...project.services].flatMap(([service, { image, build }]) =>
      build && image !== undefined ? [{ name: service, images: [image] }] : [],
    );
    await pushImages(built, parts, { ignoresFailures: false, isQuiet: false });
    const report = (status: string): void =>
      parts.onProgress({ kind: "Service", name: formatImageReference(reference), status });
    report("publishing");
    const artifact = composeArtifact(files, { ociVersion, version: wharfVersion, now: cli.now() });
    if (!parts.isDryRun) await push(cli, reference, artifact, flags["insecure-registry"]);
    report("published");
    return 0;
  },
});

function ociVersionOf(text: string): "1.0" | "1.1" {
  if (text === "" || text === "1.1") return "1.1";
  if (text === "1.0") return "1.0";
  throw new InvalidArgumentError(
    `unsupported OCI version ${JSON.stringify(text)}: want 1.0 or 1.1`,
  );
}

/** The files as they are. @throws {UnsupportedError} They name others that would not be found beside them. */
function readFiles(project: Project, withEnvironment: boolean): PublishedFile[] {
  const found: PublishedFile[] = project.files.map((path) => {
    refuseOthers(path);
    return { kind: "compose", name: basename(path), bytes: readFileSync(path) };
  });
  const names = new Set(found.map(({ name }) => name));
  if (names.size < found.length) {
    throw new FailedPreconditionError(
      "Compose files of the same name cannot be published together",
    );
  }
  for (const [name, service] of project.services) {
    if (service.image === undefined) {
      throw new FailedPreconditionError(
        `cannot publish: service ${JSON.stringify(name)} has no image, ${imageOf(project, name, service)} is in no registry: give it an image beside build`,
      );
    }
    for (const { path = "" } of service.env_file ?? []) {
      const full = resolve(project.workingDirectory, path);
      if (dirname(full) !== project.workingDirectory) {
        throw new UnsupportedError(
          `services.${name}.env_file: ${path} is not beside the Compose file: it cannot be published`,
        );
      }
      if (!withEnvironment || names.has(basename(full))) continue;
      names.add(basename(full));
      found.push({
        kind: "environment",
        name: basename(full),
        bytes: readFileSync(join(project.workingDirectory, basename(full))),
      });
    }
  }
  return found;
}

function refuseOthers(path: string): void {
  const text = readFileSync(path, "utf8");
  for (const { tree } of parseYaml(text, path, new Positions())) {
    if (!isMapping(tree)) continue;
    if (tree.has("include")) {
      throw new UnsupportedError(`${basename(path)}: cannot publish a file with local includes`);
    }
    const services = tree.get("services");
    for (const [name, service] of isMapping(services) ? services : []) {
      const base = isMapping(service) ? service.get("extends") : undefined;
      if (!isMapping(base) || !base.has("file")) continue;
      throw new UnsupportedError(
        `${basename(path)}: services.${name}.extends: cannot publish a file that extends one of another file`,
      );
    }
  }
}

/** Asks where what is published may be nobody else's business. */
async function isAllowed(cli: Cli, project: Project, withEnvironment: boolean): Promise<boolean> {
  const binds = [...project.services].flatMap(([name, { volumes = [] }]) =>
    volumes.filter(({ type }) => type === "bind").map(({ source = "" }) => `${name}\t${source}`),
  );
  if (binds.length > 0) {
    cli.output.write(
      `you are about to publish bind mounts declaration within your OCI artifact.\nonly the bind mount declarations will be added to the OCI artifact (not content)\nplease double check that you are not mounting potential user's sensitive directories or data\n${binds.join("\n")}\n`,
    );
    if (!(await confirm(cli, "Are you ok to publish these bind mount declarations?"))) return false;
  }
  const variables = [...project.services].flatMap(([name, { environment }]) =>
    environment && environment.size > 0
      ? [
          `Service/Config  ${name}`,
          ...[...environment].map(([key, value]) => `${key}=${value ?? ""}`).toSorted(),
        ]
      : [],
  );
  if (variables.length === 0) return true;
  if (!withEnvironment) {
    throw new FailedPreconditionError(
      "services have environment variables: --with-env publishes them, --yes publishes the files without their env files",
    );
  }
  cli.output.write(
    `you are about to publish environment variables within your OCI artifact.\nplease double check that you are not leaking sensitive data\n${variables.join("\n")}\n`,
  );
  return await confirm(cli, "Are you ok to publish these environment variables?");
}

async function push(
  cli: Cli,
  reference: ImageReference,
  { blobs, manifest }: Artifact,
  isInsecure: boolean,
): Promise<void> {
  using registry = new ManifestRegistry(cli, isInsecure);
  const repository = await registry.repository(reference, "push");
  const signal = cli.interruption();
  for (const { digest, bytes } of blobs) {
    const read = async function* (offset: number, end: number): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(offset, end);
    };
    const blob = { digest, sizeBytes: bytes.byteLength, read };
    await repository.upload(blob, [], () => undefined, signal);
  }
  await repository.putManifest(reference.tag ?? "latest", manifest, signal);
}
