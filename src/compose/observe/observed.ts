import type { EngineClient } from "#client/engine-client.ts";
import { LABEL } from "#compose/labels.ts";
import type { JsonObject } from "#compose/plan/json.ts";
import type { ContainerDetails } from "./details.ts";

type Asked = Pick<EngineClient, "getJson">;

/** A container of a project as it is. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** From 1; 0 where its label says none. */
  readonly number: number;
  /** Of `run`, or of a hook: none of the service's own. */
  readonly isOneOff: boolean;
  readonly configHash: string;
  /** That it was made of, as the label says. */
  readonly imageId: string;
  /** `running`, `exited`, `created`, `paused`, `restarting`, `dead`. */
  readonly state: string;
  /** As `ps` shows it: `Up 2 minutes (healthy)`. */
  readonly status: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Names of its networks, with their ids. */
  readonly networks: ReadonlyMap<string, string>;
  /** Names of its volumes, by target. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Of the host, that it publishes now: `8080/tcp`. */
  readonly ports: readonly string[];
}

export interface ObservedResource {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** All that the engine lists of it. */
  readonly definition: JsonObject;
}

/** What there is of a project on an engine: all of it is in labels. */
export interface Observed {
  readonly containers: readonly ObservedContainer[];
  /** By name; those that are not the project's are among them where it uses them. */
  readonly networks: ReadonlyMap<string, ObservedResource>;
  readonly volumes: ReadonlyMap<string, ObservedResource>;
  /** Of containers that were looked into, by id. */
  readonly details?: ReadonlyMap<string, ContainerDetails>;
}

interface ContainerSummary {
  readonly Ports?: readonly { readonly PublicPort?: number; readonly Type?: string }[] | null;
  readonly Id: string;
  readonly Names?: readonly string[];
  readonly State?: string;
  readonly Status?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, { readonly NetworkID?: string }>> | null;
  };
  readonly Mounts?: readonly {
    readonly Type?: string;
    readonly Name?: string;
    readonly Destination?: string;
  }[];
}

/** Containers of a project, or of all projects where none is named; without those of `run`, unless wanted. */
export async function observeContainers(
  engine: Asked,
  projectName: string | undefined,
  options: { readonly withOneOffs: boolean },
): Promise<readonly ObservedContainer[]> {
  const label = projectName === undefined ? LABEL.project : `${LABEL.project}=${projectName}`;
  const found = await engine.getJson<readonly ContainerSummary[]>("/containers/json", {
    query: { all: true, filters: JSON.stringify({ label: [label] }) },
  });
  return found
    .map(toObserved)
    .filter(({ isOneOff }) => options.withOneOffs || !isOneOff)
    .toSorted((left, right) => left.number - right.number || (left.name < right.name ? -1 : 1));
}

function toObserved(summary: ContainerSummary): ObservedContainer {
  const labels = summary.Labels ?? {};
  const networks = Object.entries(summary.NetworkSettings?.Networks ?? {});
  const volumes = (summary.Mounts ?? []).filter(({ Type }) => Type === "volume");
  return {
    id: summary.Id,
    name: summary.Names?.[0]?.replace(/^\//, "") ?? summary.Id,
    service: labels[LABEL.service] ?? "",
    number: Number(labels[LABEL.number] ?? 0),
    isOneOff: labels[LABEL.oneOff] === "True" || labels[LABEL.hook] !== undefined,
    configHash: labels[LABEL.configHash] ?? "",
    imageId: labels[LABEL.image] ?? "",
    state: summary.State ?? "",
    status: summary.Status ?? "",
    labels,
    ports: (summary.Ports ?? []).flatMap(({ PublicPort, Type = "tcp" }) =>
      PublicPort === undefined ? [] : [`${PublicPort}/${Type}`],
    ),
    networks: new Map(networks.map(([name, { NetworkID }]) => [name, NetworkID ?? ""])),
    volumes: new Map(
      volumes.map(({ Destination = "", Name = "" }): [string, string] => [Destination, Name]),
    ),
  };
}

type NetworkSummary = JsonObject & {
  readonly Id: string;
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
};

type VolumeSummary = JsonObject & {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
};

/** Everything that says whether the project is as its files want it. */
export async function observe(engine: Asked, projectName: string): Promise<Observed> {
  const [containers, networks, volumes] = await Promise.all([
    observeContainers(engine, projectName, { withOneOffs: false }),
    engine.getJson<readonly NetworkSummary[]>("/networks"),
    engine.getJson<{ readonly Volumes?: readonly VolumeSummary[] | null }>("/volumes"),
  ]);
  return {
    containers,
    networks: new Map(
      networks.map((definition) => {
        const { Id, Name, Labels } = definition;
        return [Name, { id: Id, name: Name, labels: Labels ?? {}, definition }];
      }),
    ),
    volumes: new Map(
      (volumes.Volumes ?? []).map((definition) => {
        const { Name, Labels } = definition;
        return [Name, { id: Name, name: Name, labels: Labels ?? {}, definition }];
      }),
    ),
  };
}
