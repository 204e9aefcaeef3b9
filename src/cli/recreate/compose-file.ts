import { isUserDefinedNetwork } from "#spec/engine-api/host-config.ts";
import { composeHost, composeHostRemarks } from "./compose-host.ts";
import { composeMountRemarks, composeMounts, namedVolumes } from "./compose-mounts.ts";
import type { Wish, WishedEndpoint } from "./wish.ts";
import { formatNanoseconds } from "./words.ts";
import { toYaml, type YamlValue } from "./yaml.ts";

/** One Compose file with a service for each container; networks and volumes are those that exist. */
export function composeFile(wishes: readonly Wish[]): string {
  return toYaml(literal(composeModel(wishes)));
}

/** The file as data, before its texts are guarded against variables. */
export function composeModel(wishes: readonly Wish[]): YamlValue {
  const networks = wishes.flatMap(({ endpoints }) =>
    endpoints.map(({ network }) => network).filter(isUserDefinedNetwork),
  );
  const volumes = wishes.flatMap(({ host }) => namedVolumes(host));
  return {
    services: Object.fromEntries(wishes.map((wish) => [wish.name, service(wish)])),
    networks: existing(networks),
    volumes: existing(volumes),
  };
}

/** What the API can ask for and a Compose file cannot. */
export function composeRemarks(wish: Wish): readonly string[] {
  const hidden = wish.endpoints.filter(
    ({ Links }) => Links.length > 0 && wish.host.Links.length === 0,
  );
  return [
    ...composeHostRemarks(wish.host, wish.ownHostFields),
    ...composeMountRemarks(wish.host),
    ...hidden.map(({ network }) => `the links on network ${network}`),
  ];
}

function existing(names: readonly string[]): YamlValue {
  return Object.fromEntries([...new Set(names)].map((name) => [name, { external: true, name }]));
}

/** A dollar in a Compose file begins a variable, unless it is doubled. */
export function literal(value: YamlValue): YamlValue {
  if (typeof value === "string") return value.replaceAll("$", "$$$$");
  if (Array.isArray(value)) return value.map(literal);
  if (typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, one === undefined ? undefined : literal(one)]),
  );
}

function service(wish: Wish): YamlValue {
  const { config } = wish;
  const [main] = wish.endpoints;
  const isOnUserNetwork = main !== undefined && isUserDefinedNetwork(main.network);
  return {
    container_name: wish.name,
    image: wish.image,
    platform: wish.platform,
    // a list that is there and empty takes the image's away
    ...(wish.entrypoint === undefined
      ? {}
      : { entrypoint: wish.entrypoint.length === 0 ? [""] : wish.entrypoint }),
    command: wish.command,
    hostname: config.Hostname || undefined,
    domainname: config.Domainname || undefined,
    user: config.User || undefined,
    working_dir: config.WorkingDir || undefined,
    environment: config.Env,
    labels: { ...config.Labels },
    tty: config.Tty || undefined,
    stdin_open: config.OpenStdin || undefined,
    expose: Object.keys(config.ExposedPorts),
    stop_signal: config.StopSignal,
    stop_grace_period: config.StopTimeout === undefined ? undefined : `${config.StopTimeout}s`,
    healthcheck: healthcheck(wish),
    ...(isOnUserNetwork
      ? { networks: Object.fromEntries(wish.endpoints.map((one) => [one.network, endpoint(one)])) }
      : { network_mode: wish.host.NetworkMode, mac_address: main?.MacAddress || undefined }),
    volumes: composeMounts(wish.host, Object.keys(config.Volumes)),
    ...composeHost(wish.host, wish.ownHostFields),
  };
}

function healthcheck({ healthcheck: check }: Wish): YamlValue | undefined {
  const duration = (value: number | undefined): string | undefined =>
    value === undefined ? undefined : formatNanoseconds(value);
  return {
    test: check.Test,
    interval: duration(check.Interval),
    timeout: duration(check.Timeout),
    retries: check.Retries,
    start_period: duration(check.StartPeriod),
    start_interval: duration(check.StartInterval),
  };
}

function endpoint({ IPAMConfig, ...settings }: WishedEndpoint): YamlValue {
  return {
    aliases: settings.Aliases,
    ipv4_address: IPAMConfig?.IPv4Address || undefined,
    ipv6_address: IPAMConfig?.IPv6Address || undefined,
    link_local_ips: IPAMConfig?.LinkLocalIPs ?? [],
    mac_address: settings.MacAddress || undefined,
    driver_opts: { ...settings.DriverOpts },
    gw_priority: settings.GwPriority || undefined,
  };
}
