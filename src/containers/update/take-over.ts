import { ConflictError, InvalidArgumentError } from "#base/errors.ts";
import type { ContainerRecord } from "#containers/container.ts";
import { dnsNamesOf } from "#containers/networks/attachments.ts";
import type { ContainerParts } from "#containers/parts.ts";
import type { PublishedPort } from "#networks/networks.ts";
import type { ContainerUpdateRequest } from "#spec/engine-api/container-update.ts";
import type { PortBinding } from "#spec/engine-api/host-config.ts";
import { planPortChange } from "./change-ports.ts";

type TakeOverParts = Pick<ContainerParts, "events" | "lives" | "networks" | "registry">;

/**
 * Holds the container that another is to take ports and names over from, besides that one, for as long as
 * `work` takes: always the same of the two first, so that two that take over from each other do not wait for ever.
 *
 * @throws {InvalidArgumentError} It is the container itself. {ConflictError} It does not run.
 */
export async function withDonor<Value>(
  parts: TakeOverParts,
  id: ContainerRecord["id"],
  { takeOverFrom }: Pick<ContainerUpdateRequest, "takeOverFrom">,
  work: (donor: ContainerRecord | undefined) => Promise<Value>,
): Promise<Value> {
  const own = parts.lives.of(id);
  if (takeOverFrom === undefined) return await own.lane.run(() => work(undefined));
  const donorId = parts.registry.resolve(takeOverFrom).id;
  if (donorId === id) throw new InvalidArgumentError("a container cannot take over from itself");
  const other = parts.lives.of(donorId);
  const [first, second] = id < donorId ? [own, other] : [other, own];
  return await first.lane.run(() =>
    second.lane.run(() => {
      for (const each of [parts.registry.get(id), parts.registry.get(donorId)]) {
        if (each.state.status === "running") continue;
        throw new ConflictError(`container ${each.name} is not running: nothing to take over`);
      }
      return work(parts.registry.get(donorId));
    }),
  );
}

/** What is left of a container's record when another has taken these ports. */
export function withoutTaken(
  donor: ContainerRecord,
  published: readonly PublishedPort[],
  taken: readonly PublishedPort[],
): ContainerRecord {
  const remove: Record<string, PortBinding[]> = {};
  for (const { containerPort, protocol, hostPort } of taken) {
    const list = (remove[`${containerPort}/${protocol}`] ??= []);
    const HostPort = String(hostPort);
    if (!list.some((each) => each.HostPort === HostPort)) list.push({ HostIp: "", HostPort });
  }
  const { bindings } = planPortChange(donor, published, { add: {}, remove });
  return { ...donor, hostConfig: { ...donor.hostConfig, PortBindings: bindings } };
}

/** @throws {ConflictError} It is on no such network. */
export function withAliases(
  record: ContainerRecord,
  aliases: ContainerUpdateRequest["aliases"],
): ContainerRecord {
  if (aliases.size === 0) return record;
  const { EndpointsConfig } = record.networkingConfig;
  const changed = { ...EndpointsConfig };
  for (const [network, names] of aliases) {
    const settings = EndpointsConfig[network];
    if (!settings) throw new ConflictError(`it is not on network ${network}`);
    changed[network] = { ...settings, Aliases: names };
  }
  return {
    ...record,
    networkingConfig: { ...record.networkingConfig, EndpointsConfig: changed },
  };
}

/**
 * Puts a container's aliases into the name service; what the other had there leads to it no longer. For a moment
 * both have the names: at no time has nobody.
 */
export function moveNames(
  parts: Pick<ContainerParts, "networks" | "registry">,
  { id }: ContainerRecord,
  aliases: ContainerUpdateRequest["aliases"],
  donor: ContainerRecord | undefined,
): void {
  const tell = (record: ContainerRecord): void => {
    for (const network of aliases.keys()) {
      const settings = record.networkingConfig.EndpointsConfig[network];
      const networkId = record.networkIds?.[network];
      if (!settings || networkId === undefined) continue;
      const names = dnsNamesOf(record, network, settings);
      parts.networks.renameEndpoint(record.id, networkId, names);
    }
  };
  tell(parts.registry.get(id));
  if (donor) tell(parts.registry.get(donor.id));
}

/** The aliases of the networks that another takes over. */
export function withoutAliases(
  donor: ContainerRecord,
  aliases: ContainerUpdateRequest["aliases"],
): ContainerRecord {
  const shared = [...aliases.keys()].filter(
    (network) => network in donor.networkingConfig.EndpointsConfig,
  );
  return withAliases(donor, new Map(shared.map((network) => [network, []])));
}
