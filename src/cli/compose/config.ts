import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { DistributionInspect } from "@docker/node-sdk";
import { formatTable } from "#base/tables.ts";
import type { Cli } from "#cli/cli.ts";
import { atLeast, type Command, defineCommand } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { boolFlag, stringFlag } from "#cli/command/flags.ts";
import type { Variable } from "#compose/file/interpolate.ts";
import { imageOf } from "#compose/build/targets.ts";
import { serviceHash } from "#compose/model/hash.ts";
import type { Written } from "#compose/model/kinds.ts";
import type { Project } from "#compose/model/project.ts";
import { writeJson } from "#compose/model/write-json.ts";
import { dependencyOrder } from "#compose/plan/dependency-order.ts";
import { dependentImages } from "#compose/plan/dependent-images.ts";
import { openProject, openProjectTree } from "#compose/open-project.ts";
import { withPassedVariables } from "#compose/resolve-environment.ts";
import { noSuchService, withoutUnused, withServices } from "#compose/select-services.ts";
import { projectToWritten, treeToWritten } from "#compose/write-project.ts";
import { writeYaml } from "#compose/write-yaml.ts";
import { dryRun } from "./project/flags.ts";
import { projectRequest } from "./project/request.ts";

const flags = {
  "dry-run": dryRun,
  environment: boolFlag("Print environment used for interpolation."),
  format: stringFlag("Format the output. Values: [yaml | json]", { complete: ["yaml", "json"] }),
  hash: stringFlag("Print the service config hash, one per line."),
  images: boolFlag("Print the image names, one per line."),
  "lock-image-digests": boolFlag("Produces an override file with image digests"),
  models: boolFlag("Print the model names, one per line."),
  networks: boolFlag("Print the network names, one per line."),
  "no-consistency": boolFlag(
    "Don't check model consistency - warning: may produce invalid Compose output",
  ),
  "no-env-resolution": boolFlag("Don't resolve service env files"),
  "no-interpolate": boolFlag("Don't interpolate environment variables"),
  "no-normalize": boolFlag("Don't normalize compose model"),
  "no-path-resolution": boolFlag("Don't resolve file paths"),
  output: stringFlag("Save to file (default to stdout)", { short: "o", complete: "files" }),
  profiles: boolFlag("Print the profile names, one per line."),
  quiet: boolFlag("Only validate the configuration, don't print anything", { short: "q" }),
  "resolve-image-digests": boolFlag("Pin image tags to digests"),
  services: boolFlag("Print the service names, one per line."),
  variables: boolFlag("Print model variables and default values."),
  volumes: boolFlag("Print the volume names, one per line."),
};

export const command: Command = defineCommand({
  usage: "[OPTIONS] [SERVICE...]",
  args: atLeast(0),
  flags,
  async run(cli, { flags: asked, args, groupFlags }) {
    const request = projectRequest(cli, groupFlags);
    const isJson = asked.format === "json";
    if (!["", "json", "yaml"].includes(asked.format)) {
      throw new ExitError(`unsupported format "${asked.format}": want yaml or json`, 1);
    }
    const options = {
      services: args,
      isNormalized: !asked["no-normalize"],
      isConsistent: !asked["no-consistency"],
      resolvesEnvironment: !asked["no-env-resolution"],
      keepsRelativePaths: asked["no-path-resolution"],
    };
    const print = (text: string): void => {
      if (asked.output === "") cli.output.write(text);
      else writeFileSync(resolve(asked.output), text);
    };
    const lines = (names: Iterable<string>): void =>
      print([...names].map((name) => `${name}\n`).join(""));

    if (asked.variables) {
      const found = new Map<string, Variable>();
      const onVariable = (variable: Variable): void => {
        if (!found.has(variable.name)) found.set(variable.name, variable);
      };
      await openProjectTree({ ...request, warn: () => {} }, { ...options, onVariable });
      const sorted = [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      print(isJson ? variablesJson(sorted) : variablesTable(sorted));
      return 0;
    }
    if (asked["no-interpolate"]) {
      const tree = await openProjectTree(request, { ...options, isInterpolated: false });
      const written = treeToWritten(tree);
      if (!asked.quiet) print(isJson ? `${writeJson(written, 2)}\n` : writeYaml(written));
      return 0;
    }
    if (asked.hash !== "") {
      const project = await openProject(request, { ...options, resolvesEnvironment: false });
      lines(hashLines(withPassedVariables(project), asked.hash));
      return 0;
    }
    const whole = await openProject(request, options);
    const isAll = groupFlags.values["all-resources"] === true;
    const selected = withServices(whole, args, { withDependencies: !asked["no-consistency"] });
    let project = isAll ? selected : withoutUnused(selected);
    if (asked.quiet) return 0;
    if (asked.services) lines(dependencyOrder(whole));
    else if (asked.volumes) lines([...project.volumes.keys()].toSorted());
    else if (asked.networks) lines([...project.networks.keys()].toSorted());
    else if (asked.models) lines(project.models.keys());
    else if (asked.images) lines(imagesOf(project));
    else if (asked.profiles) lines(profilesOf(whole));
    else if (asked.environment) {
      const names = [...project.environment.keys()].toSorted();
      lines(names.map((name) => `${name}=${project.environment.get(name) ?? ""}`));
    } else {
      const isLock = asked["lock-image-digests"];
      if (isLock || asked["resolve-image-digests"]) project = await withDigests(cli, project);
      const written = isLock
        ? imagesOnly(project)
        : projectToWritten(project, isJson ? "json" : "yaml", { isEscaped: true });
      print(isJson ? writeJson(written, 2) : writeYaml(written));
    }
    return 0;
  },
});

/** `*` for all services; else names between commas. */
function hashLines(project: Project, asked: string): readonly string[] {
  const names = asked === "*" ? [...project.services.keys()] : asked.split(",");
  return names.toSorted().map((name) => {
    const service = project.services.get(name);
    if (!service) throw noSuchService(project, name);
    return `${name} ${serviceHash(service)}`;
  });
}

function imagesOf(project: Project): readonly string[] {
  return [...project.services].flatMap(([name, service]) => [
    imageOf(project, name, service),
    ...dependentImages(name, service).flatMap(({ kind, reference }) =>
      kind === "pre_start" ? [reference] : [],
    ),
  ]);
}

function profilesOf(project: Project): readonly string[] {
  const all = [...project.services.values(), ...project.disabledServices.values()];
  return [...new Set(all.flatMap(({ profiles = [] }) => profiles))].toSorted();
}

/** Each image by the digest that its registry has for the tag now. */
export async function withDigests(cli: Cli, project: Project): Promise<Project> {
  const engine = await cli.engine();
  const services = await Promise.all(
    [...project.services].map(async ([name, service]) => {
      const { image } = service;
      if (image === undefined || image.includes("@")) return [name, service] as const;
      const path = `/distribution/${encodeURIComponent(image)}/json`;
      const found = await engine.getJson<DistributionInspect>(path);
      const pinned = `${image.replace(/:[^/:]*$/, "")}@${found.Descriptor.digest}`;
      return [name, { ...service, image: pinned }] as const;
    }),
  );
  return { ...project, services: new Map(services) };
}

/** A file to put over the others, that pins the images. */
export function imagesOnly(project: Project): Written {
  const images = [...project.services].map(([name, { image }]): [string, Written] => [
    name,
    new Map(image === undefined ? [] : [["image", image]]),
  ]);
  return new Map([["services", new Map(images)]]);
}

function variablesJson(variables: readonly Variable[]): string {
  const written = variables.map((variable): [string, Written] => [
    variable.name,
    new Map<string, Written>([
      ["Name", variable.name],
      ["DefaultValue", variable.default],
      ["PresenceValue", variable.alternate],
      ["Required", variable.isRequired],
    ]),
  ]);
  return `${writeJson(new Map(written), 4)}\n\n`;
}

function variablesTable(variables: readonly Variable[]): string {
  return formatTable(
    ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"],
    variables.map((each) => [each.name, String(each.isRequired), each.default, each.alternate]),
    { minCellWidth: 20 },
  );
}
