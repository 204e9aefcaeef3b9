import type { EngineConfig } from "#daemon/config/engine-config.ts";

/** Settings that SIGHUP takes over, as dockerd's; all others wait for the next start. */
const RELOADABLE = [
  "logLevel",
  "labels",
  "isLiveRestore",
  "shutdownTimeoutSeconds",
  "registryMirrors",
  "insecureRegistries",
  "authorizationPlugins",
  "runtimes",
  "defaultRuntime",
  "transfers",
  "features",
] as const satisfies readonly (keyof EngineConfig)[];

/** Parts of `containers` that only concern what is created from now on. */
const RELOADABLE_FOR_CONTAINERS = [
  "shmSizeBytes",
  "stopTimeoutSeconds",
  "ipcMode",
  "cgroupnsMode",
] as const;

/**
 * What the running engine goes on with.
 *
 * @param read As it would start with now.
 */
export function mergeReloaded(current: EngineConfig, read: EngineConfig): EngineConfig {
  const { defaultRuntime: _, ...kept } = current;
  const { cgroupnsMode: __, ...containers } = current.containers;
  const pick = <From extends object, Key extends keyof From>(
    from: From,
    keys: readonly Key[],
  ): Partial<Pick<From, Key>> =>
    Object.fromEntries(
      keys.flatMap((key) => (from[key] === undefined ? [] : [[key, from[key]]])),
    ) as Partial<Pick<From, Key>>; // those very keys were put in
  return {
    ...kept,
    ...pick(read, RELOADABLE),
    containers: { ...containers, ...pick(read.containers, RELOADABLE_FOR_CONTAINERS) },
  };
}

/** Names of settings that differ and that this engine only takes over at its next start. */
export function waitingForRestart(current: EngineConfig, read: EngineConfig): readonly string[] {
  const merged = mergeReloaded(current, read);
  const names = Object.keys(read).filter((key) => key !== "warnings");
  const textOf = (config: EngineConfig, name: string): string =>
    JSON.stringify(Object.entries(config).find(([key]) => key === name)?.[1] ?? null);
  return names.filter((name) => textOf(merged, name) !== textOf(read, name));
}

/** What is in force besides the configuration. */
export interface ReloadFacts {
  readonly hostname: string;
  readonly defaultRuntime: string;
  /** Path by name. */
  readonly runtimes: Readonly<Record<string, string>>;
}

/** Attributes of the `reload` event: every setting that may change, as it is now. */
export function reloadAttributes(
  config: EngineConfig,
  facts: ReloadFacts,
): Readonly<Record<string, string>> {
  const features = Object.entries(config.features).map(([name, isOn]) => `${name}:${isOn}`);
  const runtimes = Object.entries(facts.runtimes).map(([name, path]) => `${name}:${path}`);
  const { transfers, containers } = config;
  return {
    name: facts.hostname,
    debug: String(config.logLevel === "debug"),
    "max-concurrent-downloads": String(transfers.maxDownloads),
    "max-concurrent-uploads": String(transfers.maxUploads),
    "max-download-attempts": String(transfers.maxDownloadAttempts),
    "shutdown-timeout": String(config.shutdownTimeoutSeconds),
    "default-stop-timeout": String(containers.stopTimeoutSeconds),
    features: `map[${features.sort().join(" ")}]`,
    labels: JSON.stringify(config.labels),
    "insecure-registries": JSON.stringify(config.insecureRegistries),
    "registry-mirrors": JSON.stringify(config.registryMirrors),
    "live-restore": String(config.isLiveRestore),
    "nri-opts": "enable=false", // this engine has no Node Resource Interface
    runtimes: runtimes.sort().join(" "),
    "default-runtime": facts.defaultRuntime,
    "default-shm-size": String(containers.shmSizeBytes),
    "default-ipc-mode": containers.ipcMode,
    "default-cgroupns-mode": containers.cgroupnsMode ?? "",
  };
}
