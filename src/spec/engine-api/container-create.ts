import { InvalidArgumentError } from "#base/errors.ts";
import { isMacAddress } from "#base/ip-address.ts";
import { JsonReader } from "#base/json-reader.ts";
import { type ContainerConfig, readContainerConfig } from "./container-config.ts";
import {
  type ContainerDefaults,
  DOCKER_DEFAULTS,
  type HostConfig,
  joinedContainer,
} from "./host-config.ts";
import {
  EMPTY_ENDPOINT,
  type NetworkingConfig,
  readNetworkingConfig,
} from "./networking-config.ts";
import { readHostConfig } from "./read-host-config.ts";
import { readKernelMemory, resourceWarnings } from "./resources.ts";
import { type ApiVersion, isAtLeast, MAX_API_VERSION } from "./version.ts";

export interface ContainerCreateRequest {
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  readonly networkingConfig: NetworkingConfig;
  /** For the `Warnings` of the answer. */
  readonly warnings: readonly string[];
}

const EMPTY_CONFIG = "config cannot be empty in order to create a container";
const MAX_ITEMS = 10_000;

function checkNetworkConflicts(config: ContainerConfig, host: HostConfig): void {
  const conflict = (what: string): InvalidArgumentError =>
    new InvalidArgumentError(`conflicting options: ${what}`);
  if (host.UTSMode === "host" && config.Hostname !== "")
    throw conflict("hostname and the UTS mode");
  if (host.NetworkMode === "host" && host.Links.length > 0) {
    throw conflict(
      "host type networking can't be used with links. This would result in undefined behavior",
    );
  }
  if (joinedContainer(host.NetworkMode) === undefined) return;
  if (config.Hostname !== "") throw conflict("hostname and the network mode");
  if (host.Links.length > 0) {
    throw conflict(
      "container type network can't be used with links. This would result in undefined behavior",
    );
  }
  if (host.Dns.length > 0) throw conflict("dns and the network mode");
  if (host.ExtraHosts.length > 0) throw conflict("custom host-to-IP mapping and the network mode");
  if (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts) {
    throw conflict("port publishing and the container type network mode");
  }
  if (Object.keys(config.ExposedPorts).length > 0) {
    throw conflict("port exposing and the container type network mode");
  }
}

/** The container-wide MAC address, which API 1.44 replaced by one for each endpoint. */
function applyMacAddress(
  config: ContainerConfig,
  networkMode: string,
  endpoints: NetworkingConfig["EndpointsConfig"],
): NetworkingConfig["EndpointsConfig"] {
  const mac = config.MacAddress;
  const hasNoEndpoint =
    networkMode === "host" || networkMode === "none" || joinedContainer(networkMode);
  if (mac === undefined || hasNoEndpoint) return endpoints;
  if (!isMacAddress(mac)) {
    throw new InvalidArgumentError(
      `invalid config for network ${networkMode}: invalid MAC address ${mac}`,
    );
  }
  const endpoint = endpoints[networkMode] ?? EMPTY_ENDPOINT;
  if (endpoint.MacAddress !== "" && endpoint.MacAddress !== mac) {
    throw new InvalidArgumentError(
      "the container-wide MAC address must match the endpoint-specific MAC address for the main " +
        "network, or be left empty",
    );
  }
  return { ...endpoints, [networkMode]: { ...endpoint, MacAddress: mac } };
}

/** Every container but one that joins another has an endpoint on its main network. */
function completeEndpoints(
  config: ContainerConfig,
  networkMode: string,
  networking: NetworkingConfig,
): NetworkingConfig {
  const endpoints = applyMacAddress(config, networkMode, networking.EndpointsConfig);
  if (Object.keys(endpoints).length > 0 || joinedContainer(networkMode) !== undefined) {
    return { EndpointsConfig: endpoints };
  }
  return { EndpointsConfig: { [networkMode]: EMPTY_ENDPOINT } };
}

function createWarnings(
  config: ContainerConfig,
  host: HostConfig,
  version: ApiVersion,
): readonly string[] {
  const warnings = [...resourceWarnings(host)];
  if (host.NetworkMode === "host" && Object.keys(host.PortBindings).length > 0) {
    warnings.push("Published ports are discarded when using host network mode");
  }
  if (config.MacAddress !== undefined && isAtLeast(version, "1.44")) {
    warnings.push(
      "The container-wide MacAddress field is now deprecated. It should be specified in " +
        "EndpointsConfig instead.",
    );
  }
  return warnings;
}

/** Reads the body of `POST /commit`: a container's configuration alone, nothing filled in. */
export function parseContainerConfig(body: unknown): ContainerConfig {
  return readContainerConfig(JsonReader.of(body, { goType: "Config", maxItems: MAX_ITEMS }));
}

/**
 * Reads the body of `POST /containers/create`: every field checked and every default filled in.
 * What needs the host (paths, devices, other containers, drivers) is checked where it is used.
 *
 * @param body What `parseJson` returned.
 * @throws {InvalidArgumentError} With Docker's texts.
 */
export function parseContainerCreate(
  body: unknown,
  options: { readonly apiVersion?: ApiVersion; readonly defaults?: ContainerDefaults } = {},
): ContainerCreateRequest {
  const version = options.apiVersion ?? MAX_API_VERSION;
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "container.CreateRequest",
    maxItems: MAX_ITEMS,
  });
  if (reader.isEmpty) throw new InvalidArgumentError(EMPTY_CONFIG);
  const config = readContainerConfig(reader);
  const hostReader = reader.object("HostConfig", "container.HostConfig") ?? JsonReader.of({});
  const hostConfig = readHostConfig(hostReader, options.defaults ?? DOCKER_DEFAULTS);
  const networkReader = reader.object("NetworkingConfig", "network.NetworkingConfig");
  const networking = readNetworkingConfig(networkReader ?? JsonReader.of({}));
  checkNetworkConflicts(config, hostConfig);
  const names = Object.keys(networking.EndpointsConfig);
  if (!isAtLeast(version, "1.44") && names.length > 1) {
    throw new InvalidArgumentError(
      `Container cannot be created with multiple network endpoints: ${names.join(", ")}`,
    );
  }
  return {
    config,
    hostConfig,
    networkingConfig: completeEndpoints(config, hostConfig.NetworkMode, networking),
    warnings: [
      ...readKernelMemory(hostReader, version),
      ...createWarnings(config, hostConfig, version),
    ],
  };
}
