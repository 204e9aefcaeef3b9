import type { ContainerInspectResponse, MountPoint } from "@docker/node-sdk";
import { formatRfc3339 } from "#base/rfc3339.ts";
import type { ContainerMount, ContainerRecord } from "#containers/container.ts";
import type { ContainerDetails } from "#containers/containers.ts";
import { type ContainerConfig, containerConfigToWire } from "#spec/engine-api/container-config.ts";
import { hostConfigToWire } from "#spec/engine-api/host-config.ts";
import type { ApiVersion } from "#spec/engine-api/version.ts";
import type { Wire } from "#api/wire.ts";
import { networkSettingsToWire } from "./network-settings.ts";
import { stateToWire } from "./state-words.ts";

/** `Mounts` of inspect and list. */
export function mountToWire(mount: ContainerMount): Wire<MountPoint> {
  return {
    Type: mount.kind,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.destination,
    ...(mount.driver === undefined ? {} : { Driver: mount.driver }),
    Mode: mount.mode,
    RW: !mount.readOnly,
    Propagation: mount.propagation,
  };
}

/** `--tmpfs` shows in HostConfig only; a tmpfs of `--mount` shows in both, as in Docker. */
export function shownMounts(details: ContainerDetails): readonly Wire<MountPoint>[] {
  const { record } = details;
  return record.mounts
    .filter((mount) => !(mount.destination in record.hostConfig.Tmpfs))
    .map(mountToWire);
}

/** The address that was asked for on the main network shows as the container's, as in Docker. */
function withMacAddress({
  config,
  hostConfig,
  networkingConfig,
}: ContainerRecord): ContainerConfig {
  const wanted = networkingConfig.EndpointsConfig[hostConfig.NetworkMode]?.MacAddress;
  return wanted ? { ...config, MacAddress: wanted } : config;
}

/** `GET /containers/{id}/json` in the shape of `version`. */
export function inspectToWire(
  details: ContainerDetails,
  version: ApiVersion,
  bridgeName: string,
): Wire<ContainerInspectResponse> {
  const { record, sizes } = details;
  return {
    Id: record.id,
    Created: formatRfc3339(record.createdNanos),
    Path: record.path,
    Args: record.args,
    State: stateToWire(record.state, details.health),
    Image: record.imageId,
    ResolvConfPath: details.resolvConfPath,
    HostnamePath: details.hostnamePath,
    HostsPath: details.hostsPath,
    LogPath: details.logPath,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: details.storageDriver,
    Platform: "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: details.execIds.length === 0 ? null : details.execIds,
    HostConfig: hostConfigToWire({ ...record.hostConfig, Links: details.links }),
    GraphDriver: { Data: details.graphData, Name: details.storageDriver },
    ...(sizes && { SizeRw: sizes.writableBytes, SizeRootFs: sizes.rootfsBytes }),
    Mounts: shownMounts(details),
    Config: containerConfigToWire(withMacAddress(record)),
    NetworkSettings: networkSettingsToWire(details, version, bridgeName),
    ...(record.nextStart && {
      AtNextStart: {
        Env: record.nextStart.config.Env,
        Mounts: record.nextStart.mounts.map(mountToWire),
      },
    }),
  };
}
