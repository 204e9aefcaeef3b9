import { InvalidArgumentError } from "#base/errors.ts";
import type { ProxySettings } from "#registry-client/proxies.ts";
import { parseRegistryMirror } from "#registry-client/endpoints.ts";
import { type BridgeConfig, bridgeConfig } from "./bridge-config.ts";
import { type ImageGcConfig, imageGcConfig } from "./image-gc.ts";
import { optionName } from "./options.ts";
import type { RuntimeSetting, UlimitSetting } from "./option-values.ts";
import type { OptionValues } from "./parse-flags.ts";
import { checkAddresses, oneOf, Settings } from "./settings.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where the API is to be served, as configured. */
export type HostSetting =
  | { readonly kind: "unix"; readonly path: string }
  /** Sockets that systemd hands over: all, or those of a name. */
  | { readonly kind: "fd"; readonly name: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

export interface TlsSetting {
  readonly certificatePath: string;
  readonly keyPath: string;
  /** Clients must have a certificate that this authority signed. */
  readonly clientAuthorityPath?: string;
}

/** All that the daemon is told, checked and with every default filled in. */
export interface EngineConfig {
  readonly hosts: readonly HostSetting[];
  /** Absent: tcp without TLS, which only `--tls=false` allows. */
  readonly tls?: TlsSetting;
  readonly dataRoot: string;
  readonly execRoot: string;
  readonly pidFile: string;
  /** Empty: `docker`, else `wharf`, whichever the host has. */
  readonly socketGroup: string;
  readonly logLevel: LogLevel;
  readonly logFormat: "text" | "json";
  readonly labels: readonly string[];
  readonly isLiveRestore: boolean;
  readonly shutdownTimeoutSeconds: number;
  readonly isExperimental: boolean;
  /** Absent: the one whose layers are there, else the first that works. */
  readonly storageDriver?: string;
  readonly storageOptions: readonly string[];
  readonly runtimes: Readonly<Record<string, RuntimeSetting>>;
  /** Absent: crun where it works, else runc. */
  readonly defaultRuntime?: string;
  readonly logDriver: string;
  readonly logOptions: Readonly<Record<string, string>>;
  readonly bridge: BridgeConfig;
  readonly containers: {
    /** Absent: `wharf`, or `system.slice` with systemd. */
    readonly cgroupParent?: string;
    readonly cgroupManager: "cgroupfs" | "systemd";
    readonly cgroupnsMode?: "host" | "private";
    readonly ipcMode: "private" | "shareable";
    readonly shmSizeBytes: number;
    /** Of containers that do not say; -1: for ever. */
    readonly stopTimeoutSeconds: number;
    readonly ulimits: readonly UlimitSetting[];
    readonly dns: readonly string[];
    readonly dnsOptions: readonly string[];
    readonly dnsSearch: readonly string[];
    readonly isInit: boolean;
    readonly cdiSpecDirectories: readonly string[];
    /** Real-time CPU of the parent cgroup; absent: as it is, which is none. */
    readonly realtime?: { readonly runtimeMicros: number; readonly periodMicros?: number };
    readonly initPath?: string;
    readonly isNoNewPrivileges: boolean;
    /** `default`, `user[:group]` or `uid[:gid]`; absent: containers have the host's users. */
    readonly usernsRemap?: string;
    /** A path, `builtin` or `unconfined`. */
    readonly seccompProfile: string;
  };
  /** Names of the authorization plugins, all of which must allow. */
  readonly authorizationPlugins: readonly string[];
  /** Where the plugins of the host are looked for, in this order. */
  readonly pluginFolders: readonly string[];
  /** Of the engine's own requests to registries; empty: none. */
  readonly proxies: ProxySettings;
  readonly registryMirrors: readonly string[];
  readonly insecureRegistries: readonly string[];
  readonly transfers: {
    readonly maxDownloads: number;
    readonly maxUploads: number;
    readonly maxDownloadAttempts: number;
  };
  /** Absent: images are removed by users alone. */
  readonly imageGc?: ImageGcConfig;
  /** Switches of single features, as configured. */
  readonly features: Readonly<Record<string, boolean>>;
  /** Where metrics are served; absent: nowhere. */
  readonly metricsAddress?: { readonly host: string; readonly port: number };
  /** One sentence for each setting that has no effect yet. */
  readonly warnings: readonly string[];
}

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;
const DEFAULT_SHUTDOWN_SECONDS = 15;
const DEFAULT_STOP_SECONDS = 10;

/** Docker's, ours before them. */
const PLUGIN_FOLDERS = [
  "/run/docker/plugins",
  "/etc/wharf/plugins",
  "/etc/docker/plugins",
  "/usr/lib/wharf/plugins",
  "/usr/lib/docker/plugins",
];

/** @throws {InvalidArgumentError} An address that cannot be served on, saying why. */
export function parseHost(text: string, hasTls: boolean): HostSetting {
  const unix = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (unix !== undefined) return { kind: "unix", path: unix };
  if (text.startsWith("fd://")) return { kind: "fd", name: text.slice("fd://".length) };
  const tcp = /^tcp:\/\/(?:\[([0-9a-fA-F:.]+)\]|([^:/]*))(?::([0-9]{1,5}))?\/?$/.exec(text);
  if (!tcp) {
    throw new InvalidArgumentError(
      `invalid bind address (${text}): want unix:///PATH or tcp://ADDRESS:PORT`,
    );
  }
  const port = tcp[3] === undefined ? (hasTls ? 2376 : 2375) : Number(tcp[3]);
  if (port > 65_535) throw new InvalidArgumentError(`invalid bind address (${text}): port ${port}`);
  return { kind: "tcp", host: tcp[1] ?? (tcp[2] || "127.0.0.1"), port };
}

function tlsSetting(settings: Settings, home: string): TlsSetting | undefined {
  const isVerified = settings.flag("tlsverify") ?? false;
  if (!isVerified && !settings.flag("tls")) return undefined;
  const folder = `${home}/.docker`;
  const tls: TlsSetting = {
    certificatePath: settings.text("tlscert") ?? `${folder}/cert.pem`,
    keyPath: settings.text("tlskey") ?? `${folder}/key.pem`,
  };
  if (!isVerified) return tls;
  return { ...tls, clientAuthorityPath: settings.text("tlscacert") ?? `${folder}/ca.pem` };
}

function checkHosts(
  hosts: readonly HostSetting[],
  tls: TlsSetting | undefined,
  isPlainAllowed: boolean,
): void {
  const tcp = hosts.find((host) => host.kind === "tcp");
  if (!tcp || tcp.kind !== "tcp" || tls || isPlainAllowed) return;
  throw new InvalidArgumentError(
    `Cannot listen on tcp://${tcp.host}:${tcp.port}: whoever reaches it would be root on this host; ` +
      "use --tlsverify with --tlscacert, --tlscert and --tlskey, or say --tls=false",
  );
}

function checkRefused(values: OptionValues): void {
  for (const [option, value] of values) {
    if (option.effect !== "refused") continue;
    const isUnset =
      (value.kind === "boolean" && !value.value) ||
      (value.kind === "string" && value.value === "") ||
      (value.kind === "list" && value.value.length === 0);
    if (isUnset) continue;
    throw new InvalidArgumentError(
      `Cannot honour ${optionName(option)}: it comes in a later release, and going on without it would be less safe than asked for`,
    );
  }
}

function warningsFor(values: OptionValues): readonly string[] {
  return [...values.keys()]
    .filter((option) => option.effect === "none")
    .map((option) => `The setting ${optionName(option)} has no effect in this release of Wharf`);
}

function checkLabels(labels: readonly string[]): readonly string[] {
  for (const label of labels) {
    if (!/^[^=\s]+=/.test(label)) throw new InvalidArgumentError(`bad attribute format: ${label}`);
  }
  return labels;
}

/** Flags before the file's `proxies` before the environment, as in dockerd. */
function proxySettings(
  settings: Settings,
  environment: Readonly<Record<string, string | undefined>>,
): ProxySettings {
  const file = settings.get("proxies");
  const inFile: Readonly<Record<string, unknown>> =
    file?.kind === "object" && typeof file.value === "object" ? { ...file.value } : {};
  const pick = (flag: string, variable: string): string => {
    const named = inFile[flag];
    const configured = settings.text(flag) ?? (typeof named === "string" ? named : undefined);
    return configured ?? environment[variable] ?? environment[variable.toLowerCase()] ?? "";
  };
  return {
    http: pick("http-proxy", "HTTP_PROXY"),
    https: pick("https-proxy", "HTTPS_PROXY"),
    none: pick("no-proxy", "NO_PROXY"),
  };
}

function checkMirrors(mirrors: readonly string[]): readonly string[] {
  for (const mirror of mirrors) parseRegistryMirror(mirror);
  return mirrors;
}

function pluginFolders(configured: readonly string[], execRoot: string): readonly string[] {
  return configured.length > 0 ? configured : [`${execRoot}/plugins`, ...PLUGIN_FOLDERS];
}

function cgroupManager(settings: Settings): "cgroupfs" | "systemd" {
  let manager: "cgroupfs" | "systemd" = "cgroupfs";
  for (const text of settings.list("exec-opt")) {
    const [name = "", value = ""] = text.split("=");
    if (name !== "native.cgroupdriver") {
      throw new InvalidArgumentError(
        `invalid exec-opt ${text}: the one there is is native.cgroupdriver`,
      );
    }
    const read = oneOf(
      value,
      ["cgroupfs", "systemd"],
      () => `invalid native.cgroupdriver ${JSON.stringify(value)}: want cgroupfs or systemd`,
    );
    manager = read ?? manager;
  }
  return manager;
}

/** As in dockerd an empty name, alone, stands for no folder at all. */
function cdiSpecDirectories(settings: Settings): readonly string[] {
  const directories = settings.list("cdi-spec-dir");
  return directories.length === 0
    ? ["/etc/cdi", "/var/run/cdi"]
    : directories.filter((directory) => directory !== "");
}

function realtime(settings: Settings): Pick<EngineConfig["containers"], "realtime"> {
  const periodMicros = settings.count("cpu-rt-period") ?? 0;
  const runtimeMicros = settings.count("cpu-rt-runtime") ?? 0;
  if (periodMicros === 0 && runtimeMicros === 0) return {};
  if (periodMicros < 0 || runtimeMicros < 0 || (periodMicros > 0 && runtimeMicros > periodMicros)) {
    throw new InvalidArgumentError(
      "cpu real-time runtime cannot be higher than cpu real-time period",
    );
  }
  return { realtime: { runtimeMicros, ...(periodMicros === 0 ? {} : { periodMicros }) } };
}

function containersConfig(settings: Settings): EngineConfig["containers"] {
  const cgroupnsMode = oneOf(
    settings.text("default-cgroupns-mode"),
    ["host", "private"],
    (value) => `invalid default cgroup namespace (${value}): want host or private`,
  );
  const ipcMode = oneOf(
    settings.text("default-ipc-mode"),
    ["private", "shareable"],
    (value) => `IPC mode "${value}" is not supported as default value`,
  );
  const ulimits = settings.get("default-ulimit");
  const initPath = settings.text("init-path");
  const cgroupParent = settings.text("cgroup-parent");
  const usernsRemap = settings.text("userns-remap");
  return {
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    cgroupManager: cgroupManager(settings),
    ...(cgroupnsMode ? { cgroupnsMode } : {}),
    ipcMode: ipcMode ?? "private",
    shmSizeBytes: settings.count("default-shm-size") ?? DEFAULT_SHM_BYTES,
    stopTimeoutSeconds: stopTimeout(settings),
    ulimits: ulimits?.kind === "ulimits" ? ulimits.value : [],
    dns: checkAddresses(settings.list("dns")),
    dnsOptions: settings.list("dns-opt"),
    dnsSearch: settings.list("dns-search"),
    isInit: settings.flag("init") ?? false,
    cdiSpecDirectories: cdiSpecDirectories(settings),
    ...realtime(settings),
    ...(initPath === undefined ? {} : { initPath }),
    isNoNewPrivileges: settings.flag("no-new-privileges") ?? false,
    ...(usernsRemap === undefined ? {} : { usernsRemap }),
    seccompProfile: settings.text("seccomp-profile") ?? "builtin",
  };
}

function stopTimeout(settings: Settings): number {
  const seconds = settings.count("default-stop-timeout") ?? DEFAULT_STOP_SECONDS;
  if (seconds >= -1) return seconds;
  throw new InvalidArgumentError(`invalid default stop timeout: ${seconds}: want -1 or more`);
}

function transfersConfig(settings: Settings): EngineConfig["transfers"] {
  const positive = (name: string, fallback: number): number => {
    const value = settings.count(name) ?? fallback;
    if (value > 0) return value;
    throw new InvalidArgumentError(`invalid ${name.replaceAll("-", " ")}: ${value}`);
  };
  return {
    maxDownloads: positive("max-concurrent-downloads", 3),
    maxUploads: positive("max-concurrent-uploads", 5),
    maxDownloadAttempts: positive("max-download-attempts", 5),
  };
}

/** @throws {InvalidArgumentError} A value that is no boolean. */
function features(settings: Settings): Readonly<Record<string, boolean>> {
  const value = settings.get("feature");
  if (value?.kind !== "object") return {};
  const pairs: (readonly [string, unknown])[] =
    typeof value.value === "string"
      ? [value.value.split("=", 2) as unknown as [string, string]]
      : Object.entries(value.value ?? {});
  return Object.fromEntries(
    pairs.map(([name, isOn = "true"]) => {
      if (isOn === true || isOn === "true") return [name, true];
      if (isOn === false || isOn === "false") return [name, false];
      throw new InvalidArgumentError(`invalid value for feature ${name}: want true or false`);
    }),
  );
}

/** @throws {InvalidArgumentError} No `ADDRESS:PORT`. */
function metricsConfig(settings: Settings): Pick<EngineConfig, "metricsAddress"> {
  const text = settings.text("metrics-addr");
  if (text === undefined) return {};
  const [, host = "", port = ""] = /^(?:tcp:\/\/)?(.*):([0-9]{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) {
    throw new InvalidArgumentError(`invalid metrics address (${text}): want ADDRESS:PORT`);
  }
  const address = host.replace(/^\[(.*)\]$/, "$1");
  return { metricsAddress: { host: address === "" ? "0.0.0.0" : address, port: Number(port) } };
}

function logLevel(settings: Settings): LogLevel {
  if (settings.flag("debug")) return "debug";
  const level = oneOf(
    settings.text("log-level"),
    ["debug", "info", "warn", "error", "fatal"],
    (value) => `invalid logging level: ${value}`,
  );
  return level === "fatal" ? "error" : (level ?? "info");
}

/**
 * @param home Folder of the user, for the default TLS files.
 * @throws {InvalidArgumentError} A value that cannot be, or a setting that cannot be honoured safely.
 */
export function toEngineConfig(
  values: OptionValues,
  home: string,
  environment: Readonly<Record<string, string | undefined>> = {},
): EngineConfig {
  checkRefused(values);
  const settings = new Settings(values);
  const tls = tlsSetting(settings, home);
  const hostTexts = settings.list("host");
  const hosts = (hostTexts.length === 0 ? ["unix:///run/wharf.sock"] : hostTexts).map((text) =>
    parseHost(text, tls !== undefined),
  );
  checkHosts(hosts, tls, settings.flag("tls") === false);
  const shutdownTimeoutSeconds = settings.count("shutdown-timeout") ?? DEFAULT_SHUTDOWN_SECONDS;
  const runtimes = settings.get("add-runtime");
  const defaultRuntime = settings.text("default-runtime");
  const storageDriver = settings.text("storage-driver");
  const logOptions = settings.get("log-opt");
  const execRoot = settings.text("exec-root") ?? "/run/wharf";
  const imageGc = imageGcConfig(settings);
  return {
    hosts,
    ...(tls ? { tls } : {}),
    dataRoot: settings.text("data-root") ?? "/var/lib/wharf",
    execRoot,
    pidFile: settings.text("pidfile") ?? "/run/wharf.pid",
    socketGroup: settings.text("group") ?? "",
    logLevel: logLevel(settings),
    logFormat:
      oneOf(
        settings.text("log-format"),
        ["text", "json"],
        (value) => `invalid log format: ${value}`,
      ) ?? "text",
    labels: checkLabels(settings.list("label")),
    isLiveRestore: settings.flag("live-restore") ?? false,
    shutdownTimeoutSeconds,
    isExperimental: settings.flag("experimental") ?? false,
    ...(storageDriver === undefined ? {} : { storageDriver }),
    storageOptions: settings.list("storage-opt"),
    runtimes: runtimes?.kind === "runtimes" ? runtimes.value : {},
    ...(defaultRuntime === undefined ? {} : { defaultRuntime }),
    logDriver: settings.text("log-driver") ?? "json-file",
    logOptions: logOptions?.kind === "map" ? logOptions.value : {},
    bridge: bridgeConfig(settings),
    containers: containersConfig(settings),
    authorizationPlugins: settings.list("authorization-plugin"),
    pluginFolders: pluginFolders(settings.list("plugin-dir"), execRoot),
    proxies: proxySettings(settings, environment),
    registryMirrors: checkMirrors(settings.list("registry-mirror")),
    insecureRegistries: settings.list("insecure-registry"),
    transfers: transfersConfig(settings),
    ...(imageGc ? { imageGc } : {}),
    features: features(settings),
    ...metricsConfig(settings),
    warnings: warningsFor(values),
  };
}
