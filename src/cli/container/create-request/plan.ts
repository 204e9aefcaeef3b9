import type { ProxyConfig } from "#client/contexts/client-config.ts";
import { type BlockIoValues, planBlockIo } from "./block-io.ts";
import { type DeviceValues, planDevices } from "./devices.ts";
import { type EnvironmentValues, planEnvironment } from "./environment.ts";
import type { ClientSurroundings, ConfigFields, HostFields } from "./fields.ts";
import { healthLabels, type HealthValues, planHealth } from "./health.ts";
import { type EndpointFields, type NetworkValues, planNetwork } from "./network.ts";
import { type PolicyValues, planPolicies } from "./policies.ts";
import { type PortValues, planPorts } from "./ports.ts";
import {
  type AttachedStreams,
  type ProcessValues,
  attachedStreams,
  planProcess,
} from "./process.ts";
import { type ResourceValues, planResources } from "./resources.ts";
import { type SecurityValues, planSecurity } from "./security.ts";
import { type StorageValues, planStorage } from "./storage.ts";

/** Every flag whose value ends up in the request's body. */
export interface BodyValues
  extends BlockIoValues,
    DeviceValues,
    EnvironmentValues,
    HealthValues,
    NetworkValues,
    PolicyValues,
    PortValues,
    ProcessValues,
    ResourceValues,
    SecurityValues,
    StorageValues {}

/** Body of `POST /containers/create`. */
export interface CreateBody extends ConfigFields {
  readonly HostConfig: HostFields;
  readonly NetworkingConfig: { readonly EndpointsConfig: Readonly<Record<string, EndpointFields>> };
}

/** What `run` and `create` ask of the engine, and what of it the client must know. */
export interface CreatePlan {
  readonly body: CreateBody;
  readonly image: string;
  readonly streams: AttachedStreams;
  readonly hasTerminal: boolean;
}

/** The parts of a command line that make a container. */
export interface CreateInput {
  readonly values: BodyValues;
  readonly image: string;
  /** The words after the image. */
  readonly command: readonly string[];
  readonly proxies: ProxyConfig | undefined;
  /** True for `run -d`: no stream is the client's. */
  readonly isDetached: boolean;
}

const noStreams: AttachedStreams = { stdin: false, stdout: false, stderr: false };

/**
 * Turns a command line into the request.
 *
 * @throws {InvalidArgumentError} In docker's words, for values that are malformed or contradict.
 */
export function planCreate(input: CreateInput, around: ClientSurroundings): CreatePlan {
  const { values, image, command, proxies, isDetached } = input;
  const streams = isDetached ? noStreams : attachedStreams(values);
  const network = planNetwork(values);
  const parts = [
    network,
    planResources(values),
    planStorage(values, around),
    planPorts(values),
    planDevices(values),
    planEnvironment(
      { ...values, label: [...values.label, ...healthLabels(values)] },
      around,
      proxies,
    ),
    planSecurity(values, around),
    planPolicies(values),
    planHealth(values),
    planBlockIo(values),
    planProcess(values, streams, command, around),
  ];
  const config: ConfigFields = Object.assign({ Image: image }, ...parts.map((part) => part.config));
  const host: HostFields = Object.assign({}, ...parts.map((part) => part.host));
  return {
    body: { ...config, HostConfig: host, NetworkingConfig: { EndpointsConfig: network.endpoints } },
    image,
    streams,
    hasTerminal: values.tty,
  };
}
