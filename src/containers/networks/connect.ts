import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import { refreshResolvConf } from "#containers/bring-up/resolv-conf-file.ts";
import { containerFilePaths } from "#containers/bring-up/write-container-files.ts";
import type { ContainerRecord } from "#containers/container.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { EndpointChange, NetworkRecord } from "#networks/networks.ts";
import { joinedContainer } from "#spec/engine-api/host-config.ts";
import type { EndpointSettings } from "#spec/engine-api/networking-config.ts";
import { attachmentTo } from "./attachments.ts";

export type ConnectParts = Pick<
  ContainerParts,
  "events" | "lives" | "networks" | "registry" | "settings" | "warn"
>;

/**
 * Connects a container to a network: at once where it runs, else from its next start on.
 *
 * @throws {InvalidArgumentError} {PermissionDeniedError} With Docker's texts.
 */
export async function connectNetwork(
  parts: ConnectParts,
  networkReference: string,
  request: { readonly container: string; readonly settings: EndpointSettings },
): Promise<void> {
  const { id } = parts.registry.resolve(request.container);
  const network = parts.networks.resolve(networkReference);
  const live = parts.lives.of(id);
  await live.lane.run(async () => {
    const record = parts.registry.get(id);
    checkConnectable(record, network);
    const attachment = attachmentTo(record, network, request.settings);
    const { networkingConfig } = record;
    const after: ContainerRecord = {
      ...record,
      networkingConfig: {
        EndpointsConfig: { ...networkingConfig.EndpointsConfig, [network.name]: request.settings },
      },
      networkIds: { ...record.networkIds, [network.name]: network.id },
    };
    if (record.state.status !== "running") {
      parts.registry.put(after);
      return;
    }
    await using change = await parts.networks.connect(id, attachment);
    await carryOut(parts, { before: record, after, change });
    const sandbox = parts.networks.sandboxOf(id);
    const { resolvConfPath } = containerFilePaths(parts, after);
    if (sandbox) refreshResolvConf(parts, after, sandbox, resolvConfPath);
    parts.events.networkConnected(after, change.endpoint);
  });
}

/** Records, acts, and takes the record back when that fails. */
export async function carryOut(
  parts: Pick<ConnectParts, "registry">,
  {
    before,
    after,
    change,
  }: {
    readonly before: ContainerRecord;
    readonly after: ContainerRecord;
    readonly change: EndpointChange;
  },
): Promise<void> {
  parts.registry.put(after, () => change.record("after"));
  try {
    await change.apply();
  } catch (error) {
    parts.registry.put(before, () => change.record("before"));
    throw error;
  }
}

function checkConnectable(
  { hostConfig, state, id }: ContainerRecord,
  network: NetworkRecord,
): void {
  if (state.status === "removing" || state.status === "dead") {
    throw new ConflictError(`container ${id} is marked for removal and cannot be connected`);
  }
  const { NetworkMode } = hostConfig;
  if (NetworkMode === "host" || joinedContainer(NetworkMode) !== undefined) {
    throw new InvalidArgumentError(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  }
  if (network.name === "host") {
    throw new InvalidArgumentError(
      "cannot connect container to host network - container must be created in host network mode",
    );
  }
  if (NetworkMode === "none" || network.name === "none") {
    throw new InvalidArgumentError(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
  }
}
