import type { ContainerInspectResponse } from "@docker/node-sdk";
import { containerConfigToWire } from "#spec/engine-api/container-config.ts";
import {
  type ContainerCreateRequest,
  parseContainerCreate,
} from "#spec/engine-api/container-create.ts";
import { hostConfigToWire } from "#spec/engine-api/host-config.ts";
import type { RecreateFacts } from "#cli/recreate/facts.ts";
import type { CreateOutcome } from "#cli/container/testing/create-outcome.ts";

const id = "0123456789ab".padEnd(64, "c");

/** The request as the engine reads it. @throws {InvalidArgumentError} The engine refuses it. */
export function readRequest(request: CreateOutcome["request"]): ContainerCreateRequest {
  return parseContainerCreate(request?.body, {
    defaults: {
      logConfig: { Type: "json-file", Config: {} },
      runtime: "crun",
      shmSizeBytes: 64 * 1024 * 1024,
      ipcMode: "private",
      cgroupnsMode: "host",
    },
  });
}

/** What an engine shows of the container that a request makes, from an image that says nothing. */
export function inspected(
  request: CreateOutcome["request"],
  image: RecreateFacts["image"] = {},
): RecreateFacts {
  const { config, hostConfig, networkingConfig } = readRequest(request);
  const query = new Map(Object.entries(request?.query ?? {}));
  const given = hostConfig.NetworkMode === "host" ? "host" : id.slice(0, 12);
  const container: unknown = {
    Id: id,
    Name: `/${query.get("name") ?? "some_name"}`,
    Config: containerConfigToWire({ ...config, Hostname: config.Hostname || given }),
    HostConfig: hostConfigToWire(hostConfig),
    NetworkSettings: { Networks: networkingConfig.EndpointsConfig },
    State: { Running: false },
  };
  return {
    container: container as ContainerInspectResponse, // as the engine sends it
    image,
    engine: {
      LoggingDriver: "json-file",
      DefaultRuntime: "crun",
      CgroupVersion: "1",
      Architecture: "x86_64",
      OSType: "linux",
      Name: "host",
    },
  };
}
