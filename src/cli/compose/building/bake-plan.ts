import type { EntryKind } from "#bake/definition/entries.ts";
import { parseEntries } from "#bake/definition/entries.ts";
import { TARGET_FIELDS, type TargetFields } from "#bake/definition/target.ts";
import { type Resolved, resolveTargets } from "#bake/targets/resolve.ts";
import { InvalidArgumentError, messageOf } from "#base/errors.ts";
import { attestOverrides } from "#cli/bake/flags.ts";
import { bakeName, type BakeTarget, bakeTarget } from "#compose/build/bake-target.ts";
import type { BuildOptions } from "#compose/build/options.ts";
import type { BuildTarget } from "#compose/build/targets.ts";
import type { Build, Project } from "#compose/model/project.ts";

/** Builds of services as bake has them. */
export interface BakePlan {
  readonly resolved: Resolved;
  /** Services by the names of their targets. */
  readonly serviceOf: ReadonlyMap<string, string>;
}

/**
 * What is built for services, as targets.
 *
 * @throws {InvalidArgumentError} A text is none that buildx reads, at file, line and column.
 */
export function planBake(
  project: Project,
  targets: ReadonlyMap<string, BuildTarget>,
  options: BuildOptions,
): BakePlan {
  const serviceOf = new Map<string, string>();
  const all = [...targets].map(([name, target]) => {
    const bakeTargetName = bakeName(name);
    const other = serviceOf.get(bakeTargetName);
    if (other !== undefined) {
      throw new InvalidArgumentError(
        `${project.locate(["services", name])}services ${other} and ${name} cannot be built together: both are called ${bakeTargetName} then`,
      );
    }
    serviceOf.set(bakeTargetName, name);
    const fields = fieldsOf(project, name, bakeTarget(project, target, options));
    return { name: bakeTargetName, fields };
  });
  const definition = { targets: all, groups: [], variables: [] };
  const resolved = resolveTargets(definition, {
    names: all.map(({ name }) => name),
    overrides: attestOverrides(options),
    environment: (name) => project.environment.get(name),
  });
  return { resolved, serviceOf };
}

/** Where the texts of a field stand in a Compose file. */
const KEYS: Readonly<Partial<Record<keyof BakeTarget, keyof Build>>> = {
  "cache-from": "cache_from",
  "cache-to": "cache_to",
  secret: "secrets",
  ssh: "ssh",
  attest: "provenance",
};

function fieldsOf(project: Project, service: string, target: BakeTarget): TargetFields {
  const read = (name: keyof BakeTarget, value: unknown): unknown => {
    const kind = entryKind(name);
    if (kind === undefined) return value;
    try {
      return parseEntries(kind, target[name] as readonly string[]); // what fields of these kinds hold
    } catch (error) {
      if (!(error instanceof InvalidArgumentError)) throw error;
      const path = ["services", service, "build", KEYS[name] ?? name];
      const place = project.locate(path);
      throw new InvalidArgumentError(`${place}${path.join(".")}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  };
  const names = Object.keys(target) as readonly (keyof BakeTarget)[]; // it has no others
  const { call: _, ...fields } = Object.fromEntries(
    names.map((name) => [name, read(name, target[name])]),
  );
  return fields;
}

/** The kind of a field's entries; undefined for one that has texts. */
function entryKind(name: keyof BakeTarget): EntryKind | undefined {
  const { kind } = TARGET_FIELDS[name];
  switch (kind) {
    case "cache":
    case "output":
    case "attest":
    case "secret":
    case "ssh":
      return kind;
    case "text":
    case "bool":
    case "texts":
    case "map":
    case "nullable-map":
      return undefined;
  }
}
