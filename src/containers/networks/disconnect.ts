import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { carryOut, type ConnectParts } from "./connect.ts";

/**
 * Takes a container off a network: at once where it runs.
 *
 * @throws {FailedPreconditionError} {InvalidArgumentError} With Docker's texts.
 */
export async function disconnectNetwork(
  parts: ConnectParts,
  networkReference: string,
  container: string,
): Promise<void> {
  const network = parts.networks.resolve(networkReference);
  const { id } = parts.registry.resolve(container);
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
    await using change = parts.networks.disconnect(id, network.id);
    if (!change) {
      throw new FailedPreconditionError(
        `container ${id} is not connected to network ${network.name}`,
      );
    }
    await carryOut(parts, { before: record, after, change });
    parts.events.networkDisconnected(after, change.endpoint);
  });
}
