import { FailedPreconditionError, InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import { carryOut, type ConnectParts } from "./connect.ts";

/**
 * Takes a container off a network: at once where it runs.
 *
 * @param request.isForced Whatever stands in the way of its device or its plugin is said and goes on; what is left of a
 *   container that is no more goes too.
 * @throws {FailedPreconditionError} {InvalidArgumentError} {NotFoundError} With Docker's texts.
 */
export async function disconnectNetwork(
  parts: ConnectParts,
  networkReference: string,
  request: { readonly container: string; readonly isForced: boolean },
): Promise<void> {
  const { container, isForced } = request;
  const known = isForced ? parts.registry.tryResolve(container) : parts.registry.resolve(container);
  const network = parts.networks.resolve(networkReference);
  if (!known) return await dropEndpoint(parts, network, container);
  const { id } = known;
  await parts.lives.of(id).lane.run(async () => {
    const record = parts.registry.get(id);
    if (network.name === "host") {
      throw new InvalidArgumentError(
        "container cannot be disconnected from host network or connected to host network",
      );
    }
    const { [network.name]: wish, ...EndpointsConfig } = record.networkingConfig.EndpointsConfig;
    const { [network.name]: _, ...networkIds } = record.networkIds ?? {};
    const after: ContainerRecord = {
      ...record,
      networkingConfig: { EndpointsConfig },
      networkIds,
    };
    if (record.state.status !== "running") {
      if (!wish) {
        throw new FailedPreconditionError(
          `container ${id} is not connected to the network ${network.name}`,
        );
      }
      parts.registry.put(after);
      return;
    }
    await using change = parts.networks.disconnect(id, network.id, { isForced });
    if (!change) {
      throw new FailedPreconditionError(
        `container ${id} is not connected to network ${network.name}`,
      );
    }
    await carryOut(parts, { before: record, after, change });
    parts.events.networkDisconnected(after, change.endpoint);
  });
}

/** An endpoint whose container has gone, with the sandbox that it is in. */
async function dropEndpoint(
  { networks }: ConnectParts,
  network: NetworkRecord,
  name: string,
): Promise<void> {
  const found = networks
    .endpointsOf(network.id)
    .find(({ containerId, containerName }) => containerName === name || containerId === name);
  if (!found) throw new NotFoundError(`endpoint ${name} not found`);
  await networks.closeSandbox(found.containerId);
}
