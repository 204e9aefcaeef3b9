import type { RegistryServiceConfig, SystemInfo } from "@docker/node-sdk";
import { formatBinarySize } from "#base/sizes.ts";
import { swarmInfoLines } from "./swarm-info.ts";

/** Docker's layout of an engine's description, with the empty line that ends it. */
export function serverInfoText(info: SystemInfo): string {
  const lines = [
    ...countLines(info),
    ...storageLines(info),
    ...pluginLines(info),
    ...swarmInfoLines(info),
    ...runtimeLines(info),
    ...hostLines(info),
    ...configurationLines(info),
  ];
  return `${lines.join("\n")}\n\n`;
}

/** One line, left out when there is nothing to say. */
function ifAny(label: string, value: string | undefined): string[] {
  return value ? [`${label} ${value}`] : [];
}

/** A heading and its indented items, left out when there are none. */
function section(label: string, items: readonly string[] | undefined): string[] {
  return items && items.length > 0 ? [label, ...items.map((item) => `  ${item}`)] : [];
}

function countLines(info: SystemInfo): string[] {
  return [
    ` Containers: ${info.Containers ?? 0}`,
    `  Running: ${info.ContainersRunning ?? 0}`,
    `  Paused: ${info.ContainersPaused ?? 0}`,
    `  Stopped: ${info.ContainersStopped ?? 0}`,
    ` Images: ${info.Images ?? 0}`,
    ...ifAny(" Server Version:", info.ServerVersion),
  ];
}

function storageLines(info: SystemInfo): string[] {
  return [
    ...ifAny(" Storage Driver:", info.Driver),
    ...(info.DriverStatus ?? []).map(([key = "", value = ""]) => `  ${key}: ${value}`),
    ...ifAny(" Logging Driver:", info.LoggingDriver),
    ...ifAny(" Cgroup Driver:", info.CgroupDriver),
    ...ifAny(" Cgroup Version:", info.CgroupVersion),
  ];
}

function pluginLines(info: SystemInfo): string[] {
  const {
    Volume: volume,
    Network: network,
    Authorization: authorization,
    Log: log,
  } = info.Plugins ?? {};
  const devices = (info.DiscoveredDevices ?? []).map(({ Source, ID }) => `${Source}: ${ID}`);
  return [
    " Plugins:",
    `  Volume: ${(volume ?? []).join(" ")}`,
    `  Network: ${(network ?? []).join(" ")}`,
    ...ifAny("  Authorization:", (authorization ?? []).join(" ")),
    `  Log: ${(log ?? []).join(" ")}`,
    ...section(" CDI spec directories:", info.CDISpecDirs),
    ...section(" Discovered Devices:", devices),
  ];
}

function runtimeLines(info: SystemInfo): string[] {
  const lines: string[] = [];
  const runtimes = Object.keys(info.Runtimes ?? {}).sort();
  if (runtimes.length > 0) {
    lines.push(
      ` Runtimes: ${runtimes.join(" ")}`,
      ` Default Runtime: ${info.DefaultRuntime ?? ""}`,
    );
  }
  if (info.OSType !== "linux") return lines;
  lines.push(
    ` Init Binary: ${info.InitBinary ?? ""}`,
    ` containerd version: ${info.ContainerdCommit?.ID ?? ""}`,
    ` runc version: ${info.RuncCommit?.ID ?? ""}`,
    ` init version: ${info.InitCommit?.ID ?? ""}`,
  );
  if ((info.SecurityOptions ?? []).length > 0) lines.push(" Security Options:");
  for (const option of info.SecurityOptions ?? []) lines.push(...securityLines(option));
  return lines;
}

/** `name=seccomp,profile=builtin`, or a bare name from old engines. */
function securityLines(option: string): string[] {
  if (!option.includes("=")) return [`  ${option}`];
  const pairs = option.split(",").map((pair) => pair.split("="));
  return pairs.flatMap(([key, value = ""]) => {
    if (key === "name") return [`  ${value}`];
    return key === "profile" ? [`   Profile: ${value}`] : [];
  });
}

function hostLines(info: SystemInfo): string[] {
  const lines = [
    ...ifAny(" Kernel Version:", info.KernelVersion),
    ...ifAny(" Operating System:", info.OperatingSystem),
    ...ifAny(" OSType:", info.OSType),
    ...ifAny(" Architecture:", info.Architecture),
    ` CPUs: ${info.NCPU ?? 0}`,
    ` Total Memory: ${formatBinarySize(info.MemTotal ?? 0)}`,
    ...ifAny(" Name:", info.Name),
    ...ifAny(" ID:", info.ID),
    ` Docker Root Dir: ${info.DockerRootDir ?? ""}`,
    ` Debug Mode: ${info.Debug ?? false}`,
  ];
  if (!info.Debug) return lines;
  return [
    ...lines,
    `  File Descriptors: ${info.NFd ?? 0}`,
    `  Goroutines: ${info.NGoroutines ?? 0}`,
    `  System Time: ${info.SystemTime ?? ""}`,
    `  EventsListeners: ${info.NEventsListener ?? 0}`,
  ];
}

function configurationLines(info: SystemInfo): string[] {
  const pools = (info.DefaultAddressPools ?? []).map(
    ({ Base, Size }) => ` Base: ${Base}, Size: ${Size}`,
  );
  const firewall = info.FirewallBackend;
  return [
    ...ifAny(" HTTP Proxy:", info.HttpProxy),
    ...ifAny(" HTTPS Proxy:", info.HttpsProxy),
    ...ifAny(" No Proxy:", info.NoProxy),
    ...section(" Labels:", info.Labels),
    ` Experimental: ${info.ExperimentalBuild ?? false}`,
    ...registryLines(info.RegistryConfig ?? undefined),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled ?? false}`,
    ...ifAny(" Product License:", info.ProductLicense),
    ...section(" Default Address Pools:", pools),
    ...ifAny(" Firewall Backend:", firewall?.Driver),
    ...(firewall?.Info ?? []).map(([key = "", value = ""]) => `  ${key}: ${value}`),
  ];
}

function registryLines(registries: RegistryServiceConfig | undefined): string[] {
  if (!registries) return [];
  const insecure = Object.values(registries.IndexConfigs ?? {})
    .filter((index) => index.Secure === false)
    .map((index) => index.Name ?? "");
  return [
    ...section(" Insecure Registries:", [...insecure, ...(registries.InsecureRegistryCIDRs ?? [])]),
    ...section(" Registry Mirrors:", registries.Mirrors ?? []),
  ];
}
