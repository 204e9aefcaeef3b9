import type { ContainerInspectResponse, SystemInfo } from "@docker/node-sdk";
import { containerConfigToWire } from "#spec/engine-api/container-config.ts";
import {
  type ContainerCreateRequest,
  parseContainerCreate,
} from "#spec/engine-api/container-create.ts";
import { DOCKER_DEFAULTS, hostConfigToWire } from "#spec/engine-api/host-config.ts";
import type { RecreateFacts } from "./facts.ts";

/** Of no container: there is none yet. */
const NO_ID = "0".repeat(64);

const ENGINE: SystemInfo = {
  LoggingDriver: DOCKER_DEFAULTS.logConfig.Type,
  DefaultRuntime: DOCKER_DEFAULTS.runtime,
  CgroupVersion: "1",
};

/**
 * What an engine with docker's defaults would show of a container that is not there yet, from an image that says
 * nothing: all that the request says is its own.
 *
 * @param body Of `POST /containers/create`.
 * @throws {InvalidArgumentError} An engine would refuse it.
 */
export function factsOfRequest(body: object, name: string): RecreateFacts {
  const request = parseContainerCreate(body, {
    defaults: { ...DOCKER_DEFAULTS, cgroupnsMode: "host" },
  });
  return { container: shown(request, name), image: {}, engine: ENGINE };
}

function shown(
  { config, hostConfig, networkingConfig }: ContainerCreateRequest,
  name: string,
): ContainerInspectResponse {
  const Hostname = config.Hostname || NO_ID.slice(0, 12);
  const container: unknown = {
    Id: NO_ID,
    Name: `/${name}`,
    Config: containerConfigToWire({ ...config, Hostname }),
    HostConfig: hostConfigToWire(hostConfig),
    NetworkSettings: { Networks: networkingConfig.EndpointsConfig },
    State: { Running: false },
  };
  return container as ContainerInspectResponse; // as an engine sends it
}
