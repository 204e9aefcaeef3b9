import {
  bytes,
  choice,
  command,
  count,
  decimal,
  deviceCount,
  duration,
  fileMode,
  flag,
  hosts,
  integer,
  type Kind,
  list,
  mapOf,
  mapping,
  mappingWithNulls,
  maybe,
  optOut,
  struct,
  text,
  texts,
} from "./kinds.ts";
import type {
  BlkioConfig,
  Build,
  Deploy,
  Develop,
  DeviceRate,
  DeviceRequest,
  EnvFile,
  FileObject,
  FileReference,
  Healthcheck,
  Hook,
  Model,
  Network,
  PreStartHook,
  ResourceLimits,
  Service,
  ServiceMount,
  ServiceNetwork,
  ServicePort,
  Ulimit,
  UlimitRange,
  UpdateConfig,
  Volume,
} from "./project.ts";

// The order of the fields is that in which compose-go (v2.9) writes them: the config hash depends on it.

const fileReference: Kind<FileReference> = struct({
  source: text,
  target: text,
  uid: text,
  gid: text,
  mode: fileMode,
});

const ulimitLimits: Kind<UlimitRange> = struct({ soft: integer, hard: integer });
/** One number for both limits, or both. */
const ulimit: Kind<Ulimit> = {
  read: (tree, place) =>
    tree instanceof Map ? ulimitLimits.read(tree, place) : integer.read(tree, place),
  write: (value, style) => (typeof value === "number" ? value : ulimitLimits.write(value, style)),
};

const sshKeys: Kind<ReadonlyMap<string, string | null>> = {
  read: mappingWithNulls.read,
  write: (value) =>
    value === undefined || value.size === 0
      ? undefined
      : [...value].map(([id, path]) => (path === null || path === "" ? id : `${id}=${path}`)),
};

const build: Kind<Build> = struct({
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: texts,
  args: mappingWithNulls,
  provenance: text,
  sbom: text,
  ssh: sshKeys,
  labels: mapping,
  cache_from: texts,
  cache_to: texts,
  no_cache: flag,
  no_cache_filter: texts,
  additional_contexts: mapping,
  pull: flag,
  extra_hosts: hosts,
  isolation: text,
  network: text,
  target: text,
  secrets: list(fileReference),
  shm_size: bytes,
  tags: texts,
  ulimits: mapOf(ulimit),
  platforms: texts,
  privileged: flag,
});

const hook: Kind<Hook> = struct(
  {
    command,
    user: text,
    privileged: flag,
    working_dir: text,
    environment: mappingWithNulls,
  },
  { isAlways: true },
);

const preStartHook: Kind<PreStartHook> = struct(
  {
    command,
    image: text,
    user: text,
    privileged: flag,
    working_dir: text,
    environment: mappingWithNulls,
    per_replica: flag,
  },
  { isAlways: true },
);

const develop: Kind<Develop> = struct({
  watch: list(
    struct({
      path: text,
      action: text,
      target: text,
      exec: hook,
      include: texts,
      ignore: texts,
      initial_sync: flag,
    }),
  ),
});

const blkioConfig: Kind<BlkioConfig> = struct({
  weight: integer,
  weight_device: list(
    struct({ path: text, weight: integer }, { json: { path: "Path", weight: "Weight" } }),
  ),
  device_read_bps: list(throttle()),
  device_read_iops: list(throttle()),
  device_write_bps: list(throttle()),
  device_write_iops: list(throttle()),
});

function throttle(): Kind<DeviceRate> {
  return struct({ path: text, rate: bytes }, { json: { path: "Path", rate: "Rate" } });
}

const deviceRequest: Kind<DeviceRequest> = struct({
  capabilities: texts,
  driver: text,
  count: deviceCount,
  device_ids: texts,
  options: mapping,
});

const resource: Kind<ResourceLimits> = struct({
  cpus: decimal,
  memory: bytes,
  pids: integer,
  devices: list(deviceRequest),
  generic_resources: list(struct({ discrete_resource_spec: struct({ kind: text, value: count }) })),
});

const updateConfig: Kind<UpdateConfig> = struct({
  parallelism: count,
  delay: duration,
  failure_action: text,
  monitor: duration,
  max_failure_ratio: decimal,
  order: text,
});

const deploy: Kind<Deploy> = struct({
  mode: text,
  replicas: count,
  labels: mapping,
  update_config: updateConfig,
  rollback_config: updateConfig,
  resources: struct({ limits: resource, reservations: resource }, { isAlways: true }),
  restart_policy: struct({
    condition: text,
    delay: duration,
    max_attempts: count,
    window: duration,
  }),
  placement: struct(
    {
      constraints: texts,
      preferences: list(struct({ spread: text })),
      max_replicas_per_node: integer,
    },
    { isAlways: true },
  ),
  endpoint_mode: text,
});

const healthcheck: Kind<Healthcheck> = struct({
  test: texts,
  timeout: duration,
  interval: duration,
  retries: count,
  start_period: duration,
  start_interval: duration,
  disable: flag,
});

const serviceNetwork: Kind<ServiceNetwork> = struct({
  aliases: texts,
  driver_opts: mapping,
  gw_priority: integer,
  interface_name: text,
  ipv4_address: text,
  ipv6_address: text,
  link_local_ips: texts,
  mac_address: text,
  priority: integer,
});

const port: Kind<ServicePort> = struct({
  name: text,
  mode: text,
  host_ip: text,
  target: integer,
  published: text,
  protocol: text,
  app_protocol: text,
});

const mount: Kind<ServiceMount> = struct({
  type: text,
  source: text,
  target: text,
  read_only: flag,
  consistency: text,
  bind: struct({ selinux: text, propagation: text, create_host_path: choice, recursive: text }),
  volume: struct({ labels: mapping, nocopy: flag, subpath: text }),
  tmpfs: struct({ size: bytes, mode: integer }),
  image: struct({ subpath: text }),
});

const envFileFields: Kind<EnvFile> = struct({ path: text, required: optOut, format: text });

/** In JSON its path alone, unless it may be missing: how it is read is left out, as by docker compose. */
const envFile: Kind<EnvFile> = {
  read: envFileFields.read,
  write: (value, style) => {
    const isPlain = value?.required !== false;
    return style === "json" && isPlain ? value?.path : envFileFields.write(value, style);
  },
};

export const service: Kind<Service> = struct({
  profiles: texts,
  annotations: mapping,
  attach: choice,
  build,
  develop,
  blkio_config: blkioConfig,
  cap_add: texts,
  cap_drop: texts,
  cgroup_parent: text,
  cgroup: text,
  cpu_count: integer,
  cpu_percent: decimal,
  cpu_period: integer,
  cpu_quota: integer,
  cpu_rt_period: integer,
  cpu_rt_runtime: integer,
  cpus: decimal,
  cpuset: text,
  cpu_shares: integer,
  command,
  configs: list(fileReference),
  container_name: text,
  credential_spec: struct({ config: text, file: text, registry: text }),
  depends_on: mapOf(struct({ condition: text, restart: flag, required: choice })),
  deploy,
  device_cgroup_rules: texts,
  devices: list(struct({ source: text, target: text, permissions: text })),
  dns: texts,
  dns_opt: texts,
  dns_search: texts,
  domainname: text,
  entrypoint: command,
  provider: struct({ type: text, options: mapOf(texts) }),
  environment: mappingWithNulls,
  env_file: list(envFile),
  expose: texts,
  external_links: texts,
  extra_hosts: hosts,
  group_add: texts,
  gpus: list(deviceRequest),
  hostname: text,
  healthcheck,
  image: text,
  init: choice,
  ipc: text,
  isolation: text,
  labels: mapping,
  label_file: texts,
  links: texts,
  logging: struct({ driver: text, options: mapping }),
  mem_limit: bytes,
  mem_reservation: bytes,
  memswap_limit: bytes,
  mem_swappiness: bytes,
  mac_address: text,
  models: mapOf(maybe(struct({ endpoint_var: text, model_var: text }))),
  network_mode: text,
  networks: mapOf(maybe(serviceNetwork)),
  oom_kill_disable: flag,
  oom_score_adj: integer,
  pid: text,
  pids_limit: integer,
  platform: text,
  ports: list(port),
  privileged: flag,
  pull_policy: text,
  read_only: flag,
  restart: text,
  runtime: text,
  scale: count,
  secrets: list(fileReference),
  security_opt: texts,
  shm_size: bytes,
  stdin_open: flag,
  stop_grace_period: duration,
  stop_signal: text,
  storage_opt: mapping,
  sysctls: mapping,
  tmpfs: texts,
  tty: flag,
  ulimits: mapOf(ulimit),
  use_api_socket: flag,
  user: text,
  userns_mode: text,
  uts: text,
  volumes: list(mount),
  volumes_from: texts,
  working_dir: text,
  pre_start: list(preStartHook),
  post_start: list(hook),
  pre_stop: list(hook),
});

export const network: Kind<Network> = struct({
  name: text,
  driver: text,
  driver_opts: mapping,
  ipam: struct(
    {
      driver: text,
      config: list(struct({ subnet: text, gateway: text, ip_range: text, aux_addresses: mapping })),
    },
    { isAlways: true },
  ),
  external: flag,
  internal: flag,
  attachable: flag,
  labels: mapping,
  enable_ipv4: choice,
  enable_ipv6: choice,
});

export const volume: Kind<Volume> = struct({
  name: text,
  driver: text,
  driver_opts: mapping,
  external: flag,
  labels: mapping,
});

/** A config or a secret. */
export const fileObject: Kind<FileObject> = struct({
  name: text,
  file: text,
  environment: text,
  content: text,
  external: flag,
  labels: mapping,
  driver: text,
  driver_opts: mapping,
  template_driver: text,
});

export const model: Kind<Model> = struct({
  name: text,
  model: text,
  context_size: integer,
  runtime_flags: texts,
});
