import { serviceHash } from "#compose/model/hash.ts";
import type { Service } from "#compose/model/project.ts";
import type { ObservedContainer } from "#compose/observe/observed.ts";

/**
 * The hash that stands on a container: in it, what is shared with other services is named by their containers' ids, so that it
 * is another one as soon as these are. Source: docker compose v2.40, pkg/compose/convergence.go.
 *
 * @param containerOf Id of a service's first container.
 */
export function containerHash(
  service: Service,
  containerOf: (serviceName: string) => string,
): string {
  const { volumes_from: volumesFrom, network_mode: network, ipc, pid } = service;
  const namespace = (value: string): string =>
    value.startsWith("service:")
      ? `container:${containerOf(value.slice("service:".length))}`
      : value;
  return serviceHash({
    ...service,
    ...(network === undefined ? {} : { network_mode: namespace(network) }),
    ...(ipc === undefined ? {} : { ipc: namespace(ipc) }),
    ...(pid === undefined ? {} : { pid: namespace(pid) }),
    ...(volumesFrom === undefined
      ? {}
      : { volumes_from: volumesFrom.map((from) => volumesHolder(from, containerOf)) }),
  });
}

/** How they are mounted does not count: docker compose leaves that away. */
function volumesHolder(from: string, containerOf: (serviceName: string) => string): string {
  const [name = "", inner = ""] = from.split(":");
  return name === "container" ? inner : containerOf(name);
}

/** The id of a service's first container by name; where it has none, a text that is no id. */
export function firstOf(containers: readonly ObservedContainer[]): (serviceName: string) => string {
  return (serviceName) => {
    const own = containers.filter((each) => each.service === serviceName && !each.isOneOff);
    const [first] = own.toSorted((left, right) => (left.name < right.name ? -1 : 1));
    return first?.id ?? `the one of ${serviceName}`;
  };
}
