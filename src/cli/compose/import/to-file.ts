import { joinedContainer } from "#spec/engine-api/host-config.ts";
import { composeModel, literal } from "#cli/recreate/compose-file.ts";
import type { Wish } from "#cli/recreate/wish.ts";
import { isList, isMap, toYaml, type YamlValue } from "#cli/recreate/yaml.ts";

/** A container to write as a service. */
export interface Imported {
  readonly wish: Wish;
  /** Of the container; undefined where there is none yet. */
  readonly id?: string;
  /** False where nobody gave it one: the project names its containers itself. */
  readonly hasOwnName: boolean;
}

export interface ImportOptions {
  /** Empty for none: the folder's. */
  readonly projectName: string;
  /** Whether the volumes are there already, and are not to be made. */
  readonly hasVolumes: boolean;
}

type Mapping = { readonly [key: string]: YamlValue | undefined };

/** One file with a service for each container. */
export function importedFile(all: readonly Imported[], options: ImportOptions): string {
  const model = mapping(composeModel(all.map(({ wish }) => wish)));
  const names = new Map(
    all.flatMap(({ wish: { name }, id }): [string, string][] => [
      [name, name],
      ...(id === undefined ? [] : [[id, name] satisfies [string, string]]),
    ]),
  );
  const services = Object.entries(mapping(model["services"])).map(([key, value]) => {
    const own = all.find(({ wish }) => wish.name === key);
    const { container_name, ...service } = mapping(value);
    const named = own?.hasOwnName ? { container_name } : {};
    return [key, { ...named, ...withServices(service, names) }] as const;
  });
  const volumes = Object.keys(mapping(model["volumes"])).map(
    (name) => [name, options.hasVolumes ? { external: true, name } : { name }] as const,
  );
  const file: Mapping = {
    ...(options.projectName === "" ? {} : { name: options.projectName }),
    ...model,
    services: Object.fromEntries(services),
    volumes: Object.fromEntries(volumes),
  };
  return toYaml(literal(file));
}

/**
 * What is shared with another container of the file is shared with its service.
 *
 * @param names Of the file's services, by their containers' names and ids.
 */
function withServices(service: Mapping, names: ReadonlyMap<string, string>): Mapping {
  const changed: Record<string, YamlValue | undefined> = { ...service };
  for (const key of ["network_mode", "ipc", "pid"]) {
    const value = service[key];
    const other = typeof value === "string" ? joinedContainer(value) : undefined;
    const name = other === undefined ? undefined : names.get(other);
    if (name !== undefined) changed[key] = `service:${name}`;
  }
  const from = service["volumes_from"];
  if (from !== undefined && isList(from)) {
    changed["volumes_from"] = from.map((each) => {
      const [, other = "", mode = ""] =
        /^container:([^:]+)(:.*)?$/.exec(typeof each === "string" ? each : "") ?? [];
      const name = names.get(other);
      return name === undefined ? each : `${name}${mode}`;
    });
  }
  return changed;
}

function mapping(value: YamlValue | undefined): Mapping {
  return value !== undefined && isMap(value) ? value : {};
}
