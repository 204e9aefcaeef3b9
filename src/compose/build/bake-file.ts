import type { Written } from "#compose/model/kinds.ts";
import type { Project } from "#compose/model/project.ts";
import { writeJson } from "#compose/model/write-json.ts";
import { bakeName, bakeTarget } from "./bake-target.ts";
import type { BuildOptions } from "./options.ts";
import type { BuildTarget } from "./targets.ts";

/**
 * What is built as a file for `docker buildx bake`, as `docker compose build --print` writes it.
 *
 * @param known Targets that are told of without being built, too.
 */
export function bakeFile(
  project: Project,
  targets: ReadonlyMap<string, BuildTarget>,
  known: ReadonlyMap<string, BuildTarget>,
  options: BuildOptions,
): string {
  const all = [...new Map([...known, ...targets])].map(
    ([name, target]) => [bakeName(name), bakeTarget(project, target, options)] as const,
  );
  const file = {
    group: { default: { targets: [...targets.keys()].map(bakeName) } },
    target: Object.fromEntries(all.toSorted(([left], [right]) => (left < right ? -1 : 1))),
  };
  return writeJson(escaped(file), 2);
}

/** Strings of a bake file are templates; docker compose escapes arguments and inline Dockerfiles alone. */
function escaped(value: unknown): Written {
  if (typeof value === "string") return value.replaceAll(/[$%](?=\{)/g, (sign) => sign + sign);
  if (typeof value === "boolean") return value;
  if (Array.isArray(value)) return value.map(escaped);
  return new Map(Object.entries(value ?? {}).map(([key, inner]) => [key, escaped(inner)]));
}
