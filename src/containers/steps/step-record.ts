import type { ContainerRecord } from "#containers/container.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { Digest } from "#spec/digest.ts";
import { readContainerConfig } from "#spec/engine-api/container-config.ts";
import { type NetworkingConfig, readEndpointSettings } from "#spec/engine-api/networking-config.ts";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { readHostConfig } from "#spec/engine-api/read-host-config.ts";
import type { ContainerId } from "#spec/ids.ts";
import { DEFAULT_NETWORK, type StepRequest, type StepTerminal } from "./step.ts";

/**
 * The container that a step would be: what the plans of a container are made from. It is written nowhere.
 *
 * @param given.terminal The process has one.
 */
export function stepRecord(
  id: ContainerId,
  request: StepRequest,
  given: {
    readonly defaults: ContainerDefaults;
    readonly createdNanos: bigint;
    readonly terminal?: StepTerminal;
  },
): ContainerRecord {
  const [path = "", ...args] = request.args;
  const config = readContainerConfig(JsonReader.of({}, {}));
  const host = readHostConfig(
    JsonReader.of({ Privileged: request.isPrivileged, ExtraHosts: request.extraHosts }, {}),
    given.defaults,
  );
  const { network } = request;
  const { terminal } = given;
  return {
    id,
    name: "",
    createdNanos: given.createdNanos,
    imageId: "" as Digest, // of no image
    imageReference: "",
    config: {
      ...config,
      Hostname: request.hostname,
      User: request.user,
      WorkingDir: request.cwd,
      Env: request.env,
      Tty: terminal !== undefined,
    },
    hostConfig: {
      ...host,
      ...request.limits,
      ...(terminal ? { ConsoleSize: [terminal.rows, terminal.columns] as const } : {}),
      Init: false,
      NetworkMode: network.kind === "bridge" ? network.name : network.kind,
      IpcMode: "private",
    },
    networkingConfig: { EndpointsConfig: endpointsOf(request) },
    mounts: request.mounts.map((mount) => ({
      kind: mount.kind,
      source: mount.source,
      destination: mount.destination,
      readOnly: mount.isReadOnly,
      mode: "",
      propagation: "",
      copyUp: false,
      ...(mount.sizeBytes === undefined ? {} : { options: { size: String(mount.sizeBytes) } }),
    })),
    state: { status: "created" },
    path,
    args,
    restartCount: 0,
    stoppedByUser: false,
    bootId: "",
  };
}

/** The default network is what is there without a word. */
function endpointsOf({ network }: StepRequest): NetworkingConfig["EndpointsConfig"] {
  if (network.kind !== "bridge" || network.name === DEFAULT_NETWORK) return {};
  return { [network.name]: readEndpointSettings(JsonReader.of({}, {})) };
}
