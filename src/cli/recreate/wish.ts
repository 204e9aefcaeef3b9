import { isDeepStrictEqual } from "node:util";
import type { ContainerInspectResponse } from "@docker/node-sdk";
import { JsonReader } from "#base/json-reader.ts";
import {
  type ContainerConfig,
  type HealthConfig,
  readContainerConfig,
} from "#spec/engine-api/container-config.ts";
import {
  type ContainerDefaults,
  DOCKER_DEFAULTS,
  type HostConfig,
  joinedContainer,
} from "#spec/engine-api/host-config.ts";
import { type EndpointSettings, readEndpointSettings } from "#spec/engine-api/networking-config.ts";
import { readHostConfig } from "#spec/engine-api/read-host-config.ts";
import { formatPlatform, hostPlatform, normalisePlatform, selectPlatform } from "#spec/platform.ts";
import type { RecreateFacts } from "./facts.ts";

/** A network to join, by the name that was asked for. */
export interface WishedEndpoint extends EndpointSettings {
  readonly network: string;
}

/** What a container's user asked for. Absent and empty: what the image or the engine gives. */
export interface Wish {
  readonly name: string;
  readonly image: string;
  /** Only where it is not the host's. */
  readonly platform?: string;
  /** `[]` takes the image's away. */
  readonly entrypoint?: readonly string[];
  readonly command: readonly string[];
  /** Fields that only the container itself has; what is the image's is empty. */
  readonly config: Omit<ContainerConfig, "Entrypoint" | "Cmd" | "Image">;
  readonly healthcheck: Partial<HealthConfig>;
  /** The whole of it, since fields depend on each other. */
  readonly host: HostConfig;
  /** Fields of `host` that differ from the engine's defaults. */
  readonly ownHostFields: readonly (keyof HostConfig)[];
  /** The main network first. None: the engine's default one. */
  readonly endpoints: readonly WishedEndpoint[];
}

/** Tells what is the container's own from what its image and engine give. Pure. */
export function planWish(facts: RecreateFacts): Wish {
  const { container, image, engine } = facts;
  const config = readContainerConfig(readerOf(container.Config));
  const fromImage = readContainerConfig(readerOf(image?.Config));
  const defaults = defaultsOf(facts);
  const host = readHostConfig(readerOf(withLinkFlags(container)), defaults);
  const { Privileged, Memory } = host;
  const plain = readHostConfig(JsonReader.of({ Privileged, Memory }), defaults);
  const usual: HostConfig = { ...plain, Privileged: false, Memory: 0 };
  const fields = Object.keys(host) as (keyof HostConfig)[]; // made by the line above
  const platform = foreignPlatform(facts);
  return {
    name: (container.Name ?? "").replace(/^\//, ""),
    image: config.Image,
    ...(platform === undefined ? {} : { platform }),
    ...ownCommand(config, fromImage),
    config: ownConfig(config, fromImage, {
      host,
      generatedHostname: (container.Id ?? "").slice(0, 12),
      hostHostname: engine.Name ?? "",
    }),
    healthcheck: ownHealthcheck(config.Healthcheck, fromImage.Healthcheck),
    host,
    ownHostFields: fields.filter((field) => !isDeepStrictEqual(host[field], usual[field])),
    endpoints: endpointsOf(container, config.MacAddress, host.NetworkMode),
  };
}

function readerOf(value: unknown): JsonReader {
  return JsonReader.of(value ?? {});
}

/** `/db:/web/database`, which inspect shows, was `db:database` in the request. */
function withLinkFlags(container: ContainerInspectResponse): object {
  const links = (container.HostConfig?.Links ?? []).map((link) => {
    const shown = /^\/([^:]+):\/.*\/([^/]+)$/.exec(link);
    return shown ? `${shown[1]}:${shown[2]}` : link;
  });
  return { ...container.HostConfig, Links: links };
}

function defaultsOf({ engine }: RecreateFacts): ContainerDefaults {
  return {
    ...DOCKER_DEFAULTS,
    logConfig: { Type: engine.LoggingDriver || DOCKER_DEFAULTS.logConfig.Type, Config: {} },
    runtime: engine.DefaultRuntime || DOCKER_DEFAULTS.runtime,
    cgroupnsMode: engine.CgroupVersion === "2" ? "private" : "host",
  };
}

function foreignPlatform({ image, engine }: RecreateFacts): string | undefined {
  if (!image?.Architecture || !engine.Architecture) return undefined;
  const own = normalisePlatform({
    os: image.Os ?? "linux",
    architecture: image.Architecture,
    variant: image.Variant ?? undefined,
  });
  const host = hostPlatform(engine.OSType ?? "linux", engine.Architecture);
  return selectPlatform(host, [own]) >= 0 ? undefined : formatPlatform(own);
}

function ownCommand(
  config: ContainerConfig,
  image: ContainerConfig,
): Pick<Wish, "entrypoint" | "command"> {
  const entrypoint = config.Entrypoint ?? [];
  const command = config.Cmd ?? [];
  if (!isDeepStrictEqual(entrypoint, image.Entrypoint ?? [])) return { entrypoint, command };
  if (isDeepStrictEqual(command, image.Cmd ?? [])) return { command: [] };
  // only an entry point of its own makes nothing of the image's arguments
  return command.length === 0 ? { entrypoint, command } : { command };
}

interface HostnameFacts {
  readonly host: HostConfig;
  readonly generatedHostname: string;
  readonly hostHostname: string;
}

function ownConfig(
  config: ContainerConfig,
  image: ContainerConfig,
  facts: HostnameFacts,
): Wish["config"] {
  const { Entrypoint: _entrypoint, Cmd: _cmd, Image: _image, MacAddress: _mac, ...rest } = config;
  const { StopSignal, StopTimeout, ...kept } = rest;
  const published = Object.keys(facts.host.PortBindings);
  const imageEnv = new Set(image.Env);
  const own = (key: "User" | "WorkingDir"): string =>
    config[key] === image[key] ? "" : config[key];
  return {
    ...kept,
    Hostname: ownHostname(config.Hostname, facts),
    User: own("User"),
    WorkingDir: own("WorkingDir"),
    Env: config.Env.filter((variable) => !imageEnv.has(variable)),
    ExposedPorts: without(config.ExposedPorts, [...Object.keys(image.ExposedPorts), ...published]),
    Volumes: without(config.Volumes, Object.keys(image.Volumes)),
    Labels: Object.fromEntries(
      Object.entries(config.Labels).filter(([key, value]) => image.Labels[key] !== value),
    ),
    ...(StopSignal === undefined || StopSignal === image.StopSignal ? {} : { StopSignal }),
    ...(StopTimeout === undefined || StopTimeout === image.StopTimeout ? {} : { StopTimeout }),
  };
}

function ownHostname(hostname: string, facts: HostnameFacts): string {
  const { NetworkMode, UTSMode } = facts.host;
  if (joinedContainer(NetworkMode) !== undefined || UTSMode === "host") return "";
  const given = NetworkMode === "host" ? facts.hostHostname : facts.generatedHostname;
  return hostname === given ? "" : hostname;
}

function without<Value>(
  map: Readonly<Record<string, Value>>,
  keys: readonly string[],
): Readonly<Record<string, Value>> {
  return Object.fromEntries(Object.entries(map).filter(([key]) => !keys.includes(key)));
}

function ownHealthcheck(
  config: HealthConfig | undefined,
  image: HealthConfig | undefined,
): Partial<HealthConfig> {
  if (!config) return {};
  const own = Object.entries(config).filter(
    ([key, value]) => !isDeepStrictEqual(value, image?.[key as keyof HealthConfig]),
  );
  return Object.fromEntries(own.filter(([, value]) => value !== 0 && value.length !== 0));
}

function endpointsOf(
  container: ContainerInspectResponse,
  mac: string | undefined,
  mode: string,
): readonly WishedEndpoint[] {
  if (joinedContainer(mode) !== undefined) return [];
  const isUp = container.State?.Running === true;
  const shortId = (container.Id ?? "").slice(0, 12);
  const found = Object.entries(container.NetworkSettings?.Networks ?? {}).map(
    ([network, settings]): WishedEndpoint => {
      const read = readEndpointSettings(readerOf(settings));
      const isMain = network === mode;
      return {
        ...read,
        network,
        // older engines show the short id, which every container gets
        Aliases: read.Aliases.filter((alias) => alias !== shortId),
        // of a running container this is what the network gave
        MacAddress: isMain && mac !== undefined ? mac : isUp ? "" : read.MacAddress,
      };
    },
  );
  const main = found.filter(({ network }) => network === mode);
  return [...main, ...found.filter(({ network }) => network !== mode)];
}
