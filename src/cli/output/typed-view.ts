import { withTypedMaps } from "#base/go-template/values.ts";

// Docker runs an inspect template on Go's typed object first: there a field that the JSON leaves out
// has its zero value ({{if .State.Health}}), and some fields have a name of their own ({{.ID}},
// {{.HostConfig.NanoCPUs}}). This adds both to the JSON.

type Fields = Readonly<Record<string, unknown>>;

/** Go's names for fields whose JSON key is spelled otherwise. */
const goNames: Readonly<Record<string, string>> = {
  Id: "ID",
  CpuShares: "CPUShares",
  NanoCpus: "NanoCPUs",
  CpuPeriod: "CPUPeriod",
  CpuQuota: "CPUQuota",
  CpuRealtimePeriod: "CPURealtimePeriod",
  CpuRealtimeRuntime: "CPURealtimeRuntime",
  CpuCount: "CPUCount",
  CpuPercent: "CPUPercent",
  Dns: "DNS",
  DnsOptions: "DNSOptions",
  DnsSearch: "DNSSearch",
};

/** What containers and images leave out of their configuration when it is empty. */
const configZeros: Fields = {
  ExposedPorts: {},
  Healthcheck: null,
  ArgsEscaped: false,
  NetworkDisabled: false,
  MacAddress: "",
  StopSignal: "",
  StopTimeout: null,
  Shell: [],
  OnBuild: [],
};

const containerZeros: Fields = { SizeRw: null, SizeRootFs: null, ImageManifestDescriptor: null };

const hostConfigZeros: Fields = {
  Annotations: {},
  Mounts: [],
  Tmpfs: {},
  StorageOpt: {},
  Sysctls: {},
  Runtime: "",
  Init: null,
};

const imageZeros: Fields = {
  Comment: "",
  Author: "",
  Container: "",
  DockerVersion: "",
  Variant: "",
  OsVersion: "",
  Created: "",
  Parent: "",
  Descriptor: null,
  Manifests: [],
};

const imageConfigZeros: Fields = {
  ...configZeros,
  User: "",
  Env: [],
  Entrypoint: [],
  Cmd: [],
  Volumes: {},
  WorkingDir: "",
  Labels: {},
};

const mountZeros: Fields = { Type: "", Name: "", Driver: "" };

const volumeZeros: Fields = { CreatedAt: "", Status: {}, UsageData: null, ClusterVolume: null };

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Fields that are maps in Docker's own types: a missing key in them is `<no value>`, no error. */
const dataMaps: ReadonlySet<string> = new Set([
  "Annotations",
  "DriverOpts",
  "Labels",
  "Networks",
  "Options",
  "StorageOpt",
  "Sysctls",
  "Tmpfs",
]);

/** The object with Go's names and zero values beside what it has. */
export function typedView(object: unknown): unknown {
  return withTypedMaps(withZeros(object), dataMaps);
}

function withZeros(object: unknown): unknown {
  if (!isFields(object)) return object;
  if (isFields(object["State"]) && isFields(object["HostConfig"])) return containerView(object);
  if (isFields(object["RootFS"])) {
    return { ...imageZeros, ...named(object), Config: filled(object["Config"], imageConfigZeros) };
  }
  if (typeof object["Mountpoint"] === "string") return { ...volumeZeros, ...object };
  return named(object);
}

function containerView(container: Fields): Fields {
  const { Mounts: mounts } = container;
  return {
    ...containerZeros,
    ...named(container),
    State: filled(container["State"], { Health: null }),
    Config: filled(container["Config"], configZeros),
    HostConfig: filled(container["HostConfig"], hostConfigZeros),
    ...(Array.isArray(mounts) ? { Mounts: mounts.map((mount) => filled(mount, mountZeros)) } : {}),
  };
}

function filled(value: unknown, zeros: Fields): unknown {
  return isFields(value) ? { ...zeros, ...named(value) } : value;
}

function named(fields: Fields): Fields {
  const more: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(goNames)) {
    if (Object.hasOwn(fields, key)) more[name] = fields[key];
  }
  return { ...fields, ...more };
}
