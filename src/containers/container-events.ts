import type { Events } from "#events/events.ts";
import type { Endpoint, NetworkRecord } from "#networks/networks.ts";
import type { ContainerMount, ContainerRecord } from "./container.ts";

/** Publishes what happens to containers in the words and with the attributes of Docker's events. */
export class ContainerEvents {
  readonly #events: Pick<Events, "publish">;

  constructor(events: Pick<Events, "publish">) {
    this.#events = events;
  }

  publish(
    record: ContainerRecord,
    action: string,
    attributes: Readonly<Record<string, string>> = {},
  ): void {
    this.#events.publish({
      type: "container",
      action,
      actorId: record.id,
      attributes: {
        ...record.config.Labels,
        image: record.imageReference,
        name: record.name,
        ...attributes,
      },
    });
  }

  pruned(reclaimedBytes: number): void {
    this.#events.publish({
      type: "container",
      action: "prune",
      actorId: "",
      attributes: { reclaimed: String(reclaimedBytes) },
    });
  }

  networkConnected(record: ContainerRecord, endpoint: Endpoint): void {
    this.#network("connect", record, endpoint);
  }

  networkDisconnected(record: ContainerRecord, endpoint: Endpoint): void {
    this.#network("disconnect", record, endpoint);
  }

  /** Of a network itself. */
  network(action: "create" | "destroy", network: NetworkRecord): void {
    this.#events.publish({
      type: "network",
      action,
      actorId: network.id,
      attributes: { name: network.name, type: network.driver },
    });
  }

  #network(action: string, record: ContainerRecord, endpoint: Endpoint): void {
    this.#events.publish({
      type: "network",
      action,
      actorId: endpoint.networkId,
      attributes: {
        container: record.id,
        name: endpoint.networkName,
        type: networkType(endpoint.networkName),
      },
    });
  }

  volumeMounted(record: ContainerRecord, mount: ContainerMount): void {
    this.#events.publish({
      type: "volume",
      action: "mount",
      actorId: mount.name ?? "",
      attributes: {
        container: record.id,
        destination: mount.destination,
        driver: mount.driver ?? "local",
        propagation: mount.propagation,
        "read/write": String(!mount.readOnly),
      },
    });
  }

  volumeUnmounted(record: ContainerRecord, mount: ContainerMount): void {
    this.#events.publish({
      type: "volume",
      action: "unmount",
      actorId: mount.name ?? "",
      attributes: { container: record.id, driver: mount.driver ?? "local" },
    });
  }
}

/** The driver of a network that a container can be on: all but two predefined ones are bridges. */
function networkType(name: string): string {
  switch (name) {
    case "host":
      return "host";
    case "none":
      return "null";
    default:
      return "bridge";
  }
}
