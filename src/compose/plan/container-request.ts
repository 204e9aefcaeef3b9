import { UnsupportedError } from "#base/errors.ts";
import { LABEL } from "#compose/labels.ts";
import type { Hook, Project, Service, ServiceNetwork, Ulimit } from "#compose/model/project.ts";
import type { Json, JsonObject } from "./json.ts";
import { deviceRequestsOf, devicesOf } from "./devices.ts";
import { mountsOf } from "./mounts.ts";

/** What is known only when the container is made. */
export interface ContainerRequest {
  readonly project: Project;
  readonly serviceName: string;
  readonly service: Service;
  readonly containerName: string;
  /** From 1. */
  readonly number: number;
  readonly configHash: string;
  readonly imageId: string | undefined;
  /** Of this tool, for the label. */
  readonly version: string;
  /** Id of a container of the service, for what is shared with it. */
  readonly containerOf: (serviceName: string) => string;
  /** Anonymous volumes that are taken over from the container before, by target. */
  readonly inherited?: ReadonlyMap<string, string>;
  /** Variables of the user's proxies, below what the service says. */
  readonly proxies?: ReadonlyMap<string, string>;
}

const NANOS_PER_SECOND = 1e9;
const NANOS_PER_CPU = 1e9;

/** The body of `POST /containers/create` for one container of a service, as docker compose v2.40 has it. */
export function containerRequest(request: ContainerRequest): JsonObject {
  const { service } = request;
  const body: Record<string, Json | undefined> = {
    ...processFields({
      ...service,
      environment: new Map([...(request.proxies ?? []), ...(service.environment ?? [])]),
    }),
    Labels: labelsOf(request),
    ExposedPorts: exposedPorts(service),
    Healthcheck: healthcheckOf(service),
    StopSignal: service.stop_signal,
    StopTimeout:
      service.stop_grace_period === undefined
        ? undefined
        : Math.ceil(service.stop_grace_period / NANOS_PER_SECOND),
    HostConfig: withoutUndefined(hostConfig(request)),
    NetworkingConfig: networking(request),
  };
  return withoutUndefined(body);
}

function withoutUndefined(fields: Readonly<Record<string, Json | undefined>>): JsonObject {
  const made: Record<string, Json> = {};
  for (const [key, value] of Object.entries(fields)) if (value !== undefined) made[key] = value;
  return made;
}

function processFields(service: Service): Record<string, Json | undefined> {
  const { tty, stdin_open: isOpen } = service;
  return {
    Hostname: service.hostname,
    Domainname: service.domainname,
    User: service.user,
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    Tty: tty,
    OpenStdin: isOpen,
    StdinOnce: false,
    Env: environmentOf(service),
    Cmd: listOrNull(service.command),
    Entrypoint: listOrNull(service.entrypoint),
    Image: service.image,
    WorkingDir: service.working_dir,
    MacAddress: undefined,
  };
}

function listOrNull(words: readonly string[] | null | undefined): Json | undefined {
  return words === null ? undefined : words;
}

export function environmentOf(service: Pick<Service | Hook, "environment">): Json | undefined {
  if (!service.environment || service.environment.size === 0) return undefined;
  return [...service.environment]
    .map(([name, value]) => (value === null ? name : `${name}=${value}`))
    .toSorted();
}

function labelsOf(request: ContainerRequest): JsonObject {
  const { project, service, serviceName } = request;
  const dependsOn = [...(service.depends_on ?? [])]
    .map(([name, { condition, restart }]) => `${name}:${condition ?? ""}:${restart ?? false}`)
    .toSorted();
  return {
    ...Object.fromEntries(service.labels ?? []),
    [LABEL.project]: project.name,
    [LABEL.service]: serviceName,
    [LABEL.version]: request.version,
    [LABEL.workingDirectory]: project.workingDirectory,
    [LABEL.configFiles]: project.files.join(","),
    [LABEL.oneOff]: "False",
    [LABEL.number]: String(request.number),
    [LABEL.configHash]: request.configHash,
    [LABEL.dependsOn]: dependsOn.join(","),
    ...(request.imageId === undefined ? {} : { [LABEL.image]: request.imageId }),
  };
}

function exposedPorts(service: Service): Json | undefined {
  const exposed = (service.expose ?? []).flatMap((each) => {
    const [ports = "", protocol = "tcp"] = each.split("/");
    const [first = 0, last = first] = ports.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, step) => `${first + step}/${protocol}`);
  });
  const published = (service.ports ?? []).map(
    ({ target = 0, protocol = "tcp" }) => `${target}/${protocol}`,
  );
  const all = [...published, ...exposed];
  return all.length === 0 ? undefined : Object.fromEntries(all.map((port) => [port, {}]));
}

function portBindings(service: Service): Json {
  const bindings: Record<string, JsonObject[]> = {};
  for (const { target = 0, protocol = "tcp", host_ip = "", published = "" } of service.ports ??
    []) {
    const list = (bindings[`${target}/${protocol}`] ??= []);
    list.push({ HostIp: host_ip, HostPort: published });
  }
  return bindings;
}

function healthcheckOf({ healthcheck }: Service): Json | undefined {
  if (!healthcheck) return undefined;
  if (healthcheck.disable) return { Test: ["NONE"] };
  return withoutUndefined({
    Test: healthcheck.test,
    Interval: healthcheck.interval,
    Timeout: healthcheck.timeout,
    Retries: healthcheck.retries,
    StartPeriod: healthcheck.start_period,
    StartInterval: healthcheck.start_interval,
  });
}

function hostConfig(request: ContainerRequest): Record<string, Json | undefined> {
  const { service, project } = request;
  const { binds, mounts } = mountsOf(project, service, request.inherited ?? new Map());
  return {
    Binds: binds.length === 0 ? undefined : binds,
    Mounts: mounts.length === 0 ? undefined : mounts,
    Tmpfs: service.tmpfs && Object.fromEntries(service.tmpfs.map(tmpfsEntry)),
    VolumesFrom: service.volumes_from?.map((from) => volumesFrom(from, request)),
    NetworkMode: networkMode(request),
    PortBindings: portBindings(service),
    RestartPolicy: restartPolicy(service),
    LogConfig: service.logging && {
      Type: service.logging.driver ?? "",
      Config: Object.fromEntries(service.logging.options ?? []),
    },
    ExtraHosts: [...(service.extra_hosts ?? [])].flatMap(([name, all]) =>
      all.map((address) => `${name}:${address}`),
    ),
    Links: service.external_links,
    ...resources(service),
    ...isolation(request),
  };
}

function tmpfsEntry(entry: string): [string, string] {
  const colon = entry.indexOf(":");
  return colon === -1 ? [entry, ""] : [entry.slice(0, colon), entry.slice(colon + 1)];
}

/** `db:ro`, `container:name:ro`. */
function volumesFrom(from: string, { containerOf }: ContainerRequest): string {
  if (from.startsWith("container:")) return from.slice("container:".length);
  const [name = "", ...mode] = from.split(":");
  return [containerOf(name), ...mode].join(":");
}

/** A namespace of another service's container is that container's. */
function namespaceOf(value: string | undefined, request: ContainerRequest): string | undefined {
  if (!value?.startsWith("service:")) return value;
  return `container:${request.containerOf(value.slice("service:".length))}`;
}

/** The service's networks, that of the highest priority first. */
export function networksByPriority(
  service: Service,
): readonly (readonly [string, ServiceNetwork | null])[] {
  return [...(service.networks ?? [])].toSorted(
    ([left, one], [right, other]) =>
      (other?.priority ?? 0) - (one?.priority ?? 0) || (left < right ? -1 : 1),
  );
}

function networkMode(request: ContainerRequest): string {
  const { service, project } = request;
  if (service.network_mode !== undefined) return namespaceOf(service.network_mode, request) ?? "";
  const [first] = networksByPriority(service);
  return first === undefined ? "none" : (project.networks.get(first[0])?.name ?? first[0]);
}

function networking(request: ContainerRequest): JsonObject | undefined {
  const { service, project, containerName, serviceName } = request;
  const all = networksByPriority(service);
  if (service.network_mode !== undefined || all.length === 0) return undefined;
  const links = (service.links ?? []).map((link) => {
    const [name = "", alias = name] = link.split(":");
    return `${request.containerOf(name)}:${alias}`;
  });
  const endpoints = all.map(([key, settings], index): [string, JsonObject] => {
    const { ipv4_address, ipv6_address, link_local_ips, driver_opts } = settings ?? {};
    const isFirst = index === 0;
    return [
      project.networks.get(key)?.name ?? key,
      withoutUndefined({
        Aliases: [...new Set([containerName, serviceName, ...(settings?.aliases ?? [])])],
        Links: links.length === 0 ? undefined : links,
        IPAMConfig:
          settings === null
            ? undefined
            : withoutUndefined({
                IPv4Address: ipv4_address,
                IPv6Address: ipv6_address,
                LinkLocalIPs: link_local_ips,
              }),
        MacAddress: settings?.mac_address ?? (isFirst ? service.mac_address : undefined),
        GwPriority: settings?.gw_priority,
        DriverOpts:
          driver_opts || settings?.interface_name !== undefined
            ? {
                ...Object.fromEntries(driver_opts ?? []),
                ...(settings?.interface_name === undefined
                  ? {}
                  : { "com.docker.network.endpoint.ifname": settings.interface_name }),
              }
            : undefined,
      }),
    ];
  });
  return { EndpointsConfig: Object.fromEntries(endpoints) };
}

function restartPolicy({ restart, deploy }: Service): Json | undefined {
  if (restart !== undefined) {
    const [name = "", count = "0"] = restart.split(":");
    return { Name: name, MaximumRetryCount: Number(count) };
  }
  const policy = deploy?.restart_policy;
  if (!policy) return undefined;
  const names: Readonly<Record<string, string>> = { any: "always", none: "no" };
  const condition = policy.condition ?? "any";
  return { Name: names[condition] ?? condition, MaximumRetryCount: policy.max_attempts ?? 0 };
}

function resources(service: Service): Record<string, Json | undefined> {
  const { limits, reservations } = service.deploy?.resources ?? {};
  const cpus = limits?.cpus ?? service.cpus;
  return {
    Memory: limits?.memory ?? service.mem_limit,
    MemoryReservation: reservations?.memory ?? service.mem_reservation,
    MemorySwap: service.memswap_limit,
    MemorySwappiness: service.mem_swappiness,
    OomKillDisable: service.oom_kill_disable,
    OomScoreAdj: service.oom_score_adj,
    NanoCpus: cpus === undefined ? undefined : Math.round(cpus * NANOS_PER_CPU),
    CpuShares: service.cpu_shares,
    CpuPeriod: service.cpu_period,
    CpuQuota: service.cpu_quota,
    CpuRealtimePeriod: service.cpu_rt_period,
    CpuRealtimeRuntime: service.cpu_rt_runtime,
    CpusetCpus: service.cpuset,
    CpuCount: service.cpu_count,
    CpuPercent: service.cpu_percent,
    PidsLimit: limits?.pids ?? service.pids_limit,
    ShmSize: service.shm_size,
    Ulimits: service.ulimits && [...service.ulimits].map(ulimitOf),
    Devices: devicesOf(service),
    DeviceCgroupRules: service.device_cgroup_rules,
    DeviceRequests: deviceRequestsOf(service),
    ...blockIo(service),
  };
}

function ulimitOf([name, limit]: readonly [string, Ulimit]): JsonObject {
  const { soft = 0, hard = 0 } = typeof limit === "number" ? { soft: limit, hard: limit } : limit;
  return { Name: name, Soft: soft, Hard: hard };
}

function blockIo({ blkio_config: io }: Service): Record<string, Json | undefined> {
  if (!io) return {};
  const rates = (
    list: readonly { readonly path?: string; readonly rate?: number }[] | undefined,
  ): Json | undefined => list?.map(({ path = "", rate = 0 }) => ({ Path: path, Rate: rate }));
  return {
    BlkioWeight: io.weight,
    BlkioWeightDevice: io.weight_device?.map(({ path = "", weight = 0 }) => ({
      Path: path,
      Weight: weight,
    })),
    BlkioDeviceReadBps: rates(io.device_read_bps),
    BlkioDeviceReadIOps: rates(io.device_read_iops),
    BlkioDeviceWriteBps: rates(io.device_write_bps),
    BlkioDeviceWriteIOps: rates(io.device_write_iops),
  };
}

/** @throws {UnsupportedError} What only Windows or a cloud has. */
function isolation(request: ContainerRequest): Record<string, Json | undefined> {
  const { service, serviceName } = request;
  for (const key of ["credential_spec", "isolation", "cpu_count", "cpu_percent"] as const) {
    if (service[key] === undefined) continue;
    throw new UnsupportedError(`services.${serviceName}.${key}: only Windows containers have it`);
  }
  return {
    CapAdd: service.cap_add,
    CapDrop: service.cap_drop,
    CgroupParent: service.cgroup_parent,
    CgroupnsMode: service.cgroup,
    Dns: service.dns,
    DnsOptions: service.dns_opt,
    DnsSearch: service.dns_search,
    GroupAdd: service.group_add,
    IpcMode: namespaceOf(service.ipc, request),
    PidMode: namespaceOf(service.pid, request),
    UTSMode: service.uts,
    UsernsMode: service.userns_mode,
    Privileged: service.privileged,
    ReadonlyRootfs: service.read_only,
    SecurityOpt: service.security_opt,
    Init: service.init,
    Runtime: service.runtime,
    Sysctls: service.sysctls && Object.fromEntries(service.sysctls),
    StorageOpt: service.storage_opt && Object.fromEntries(service.storage_opt),
    Annotations: service.annotations && Object.fromEntries(service.annotations),
  };
}
