import { escapeDollars } from "./file/interpolate.ts";
import { isList, isMapping, type Tree } from "./file/tree.ts";
import { fileObject, model, network, service, volume } from "./model/fields.ts";
import type { Kind, Style, Written } from "./model/kinds.ts";
import type { Project } from "./model/project.ts";

/** The whole project as `docker compose config` prints it: sections in its order for each style. */
export function projectToWritten(
  project: Project,
  style: Style,
  options: { readonly isEscaped: boolean },
): Written {
  const section = <T>(values: ReadonlyMap<string, T>, kind: Kind<T>): Written | undefined => {
    if (values.size === 0) return undefined;
    const names = [...values.keys()].toSorted();
    return new Map(
      names.map((name) => [
        name,
        kind.write(values.get(name), style) ?? new Map<string, Written>(),
      ]),
    );
  };
  const sections = new Map<string, Written | undefined>([
    ["name", project.name],
    ["services", section(project.services, service) ?? new Map<string, Written>()],
    ["networks", section(project.networks, network)],
    ["volumes", section(project.volumes, volume)],
    ["secrets", section(project.secrets, fileObject)],
    ["configs", section(project.configs, fileObject)],
    ["models", section(project.models, model)],
    ...[...project.extensions].map(([key, tree]): [string, Written] => [key, treeToWritten(tree)]),
  ]);
  const keys = [...sections.keys()];
  const ordered = style === "json" ? keys.toSorted() : keys;
  const written = new Map<string, Written>();
  for (const key of ordered) {
    const value = sections.get(key);
    if (value !== undefined) written.set(key, value);
  }
  return options.isEscaped ? escaped(written) : written;
}

/** A file's own values, keys sorted. */
export function treeToWritten(tree: Tree): Written {
  if (isMapping(tree)) {
    return new Map(
      [...tree.keys()].toSorted().map((key) => [key, treeToWritten(tree.get(key) ?? null)]),
    );
  }
  return isList(tree) ? tree.map(treeToWritten) : tree;
}

/** So that what is printed means the same when it is read as a file. */
function escaped(written: Written): Written {
  if (typeof written === "string") return escapeDollars(written);
  if (written instanceof Map) {
    return new Map(
      [...(written as ReadonlyMap<string, Written>)].map(([key, value]) => [
        escapeDollars(key),
        escaped(value),
      ]),
    );
  }
  if (Array.isArray(written)) return (written as readonly Written[]).map(escaped);
  return written;
}
