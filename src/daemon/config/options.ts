/** How an option's text is read, and what JSON it has in the file. */
export type OptionKind =
  | "boolean"
  | "string"
  | "integer"
  /** `64m` on the command line; also a number of bytes in the file. */
  | "bytes"
  | "list"
  /** `name=value`, repeated; an object of strings in the file. */
  | "map"
  /** `group=name=value`, repeated; an object of objects of strings in the file. */
  | "maps"
  | "pools"
  | "runtimes"
  | "ulimits"
  /** Only in the file, in a shape of its own. */
  | "object";

/** What setting it does in this release. */
export type OptionEffect =
  | "full"
  /** Taken over by SIGHUP as well. */
  | "reload"
  /** Accepted with a warning: nothing of it exists yet. */
  | "none"
  /** Refused: going on without it would be less safe than was asked for. */
  | "refused";

export interface DaemonOption {
  /** `--flag`; absent for keys that only the file has. */
  readonly flag?: string;
  readonly shorthand?: string;
  /** Key in daemon.json; absent for flags that have none. */
  readonly key?: string;
  readonly kind: OptionKind;
  readonly effect: OptionEffect;
  readonly summary: string;
  /** Shown by `--help`. */
  readonly shownDefault?: string;
}

function option(
  names: string,
  kind: OptionKind,
  effect: OptionEffect,
  summary: string,
  shownDefault?: string,
): DaemonOption {
  const [flagText = "", keyText = flagText] = names.split(" ");
  const [flag = "", shorthand] = flagText.split("|");
  const key = keyText === flagText ? flag : keyText;
  return {
    ...(flag === "-" ? {} : { flag }),
    ...(shorthand === undefined ? {} : { shorthand }),
    ...(key === "-" ? {} : { key }),
    kind,
    effect,
    summary,
    ...(shownDefault === undefined ? {} : { shownDefault }),
  };
}

/**
 * All flags of dockerd and all keys of its daemon.json. First column: the flag with its shorthand,
 * then the key where it is another; `-` where there is none.
 */
export const DAEMON_OPTIONS: readonly DaemonOption[] = [
  option(
    "add-runtime runtimes",
    "runtimes",
    "reload",
    "Register an additional OCI runtime: NAME=PATH",
  ),
  option(
    "allow-direct-routing",
    "boolean",
    "full",
    "Allow remote access to published ports on container addresses",
  ),
  option(
    "authorization-plugin authorization-plugins",
    "list",
    "reload",
    "Authorization plugins, all of which must allow a request, in this order",
  ),
  option("bip", "string", "full", "Address of the default bridge: 172.17.0.1/16"),
  option("bip6", "string", "full", "IPv6 address of the default bridge"),
  option(
    "bridge|b",
    "string",
    "full",
    "Bridge of the default network; made when missing, none for no network",
    "wharf0",
  ),
  option(
    "cdi-spec-dir cdi-spec-dirs",
    "list",
    "full",
    "Folders of CDI specifications; an empty one switches CDI off",
    "[/etc/cdi,/var/run/cdi]",
  ),
  option("cgroup-parent", "string", "full", "Parent cgroup of all containers"),
  option("config-file -", "string", "full", "Configuration file", "/etc/wharf/daemon.json"),
  option("containerd", "string", "none", "Address of containerd: Wharf needs none"),
  option("containerd-namespace", "string", "none", "Namespace in containerd"),
  option(
    "containerd-plugins-namespace containerd-plugin-namespace",
    "string",
    "none",
    "Namespace of plugins in containerd",
  ),
  option(
    "cpu-rt-period",
    "integer",
    "full",
    "Real-time period of the parent cgroup, in microseconds",
  ),
  option(
    "cpu-rt-runtime",
    "integer",
    "full",
    "Real-time runtime of the parent cgroup, in microseconds",
  ),
  option("cri-containerd", "boolean", "none", "Start containerd with CRI"),
  option("data-root", "string", "full", "Folder of all that lasts", "/var/lib/wharf"),
  option("debug|D", "boolean", "reload", "Log in detail"),
  option(
    "default-address-pool default-address-pools",
    "pools",
    "full",
    "Address blocks for networks: base=10.10.0.0/16,size=24",
  ),
  option(
    "default-cgroupns-mode",
    "string",
    "reload",
    "Cgroup namespace of containers: host or private",
  ),
  option("default-gateway", "string", "full", "Gateway of the default bridge network"),
  option("default-gateway-v6", "string", "full", "IPv6 gateway of the default bridge network"),
  option(
    "default-ipc-mode",
    "string",
    "reload",
    "IPC mode of containers: private or shareable",
    "private",
  ),
  option(
    "default-network-opt default-network-opts",
    "maps",
    "full",
    "Options of networks that are made without them: DRIVER=OPTION=VALUE",
  ),
  option(
    "default-runtime",
    "string",
    "reload",
    "OCI runtime of containers",
    "crun where it works, else runc",
  ),
  option("default-shm-size", "bytes", "reload", "Size of /dev/shm", "64MiB"),
  option(
    "default-stop-timeout",
    "integer",
    "reload",
    "Seconds that a container has to stop, unless it or the command says else; -1 for ever",
    "10",
  ),
  option(
    "default-ulimit default-ulimits",
    "ulimits",
    "full",
    "Default limits of containers: nofile=1024:2048",
  ),
  option("dns", "list", "full", "DNS servers of containers"),
  option("dns-opt dns-opts", "list", "full", "DNS options of containers"),
  option("dns-search", "list", "full", "DNS search domains of containers"),
  option(
    "exec-opt exec-opts",
    "list",
    "full",
    "Who makes cgroups: native.cgroupdriver=cgroupfs or systemd",
  ),
  option("exec-root", "string", "full", "Folder of all that ends with the boot", "/run/wharf"),
  option("experimental", "boolean", "full", "Switch experimental features on"),
  option("feature features", "object", "none", "Switch single features on or off"),
  option(
    "firewall",
    "string",
    "full",
    "The host's own rules: cooperate adds accept rules where they drop; respect lets them decide",
    "cooperate",
  ),
  option(
    "fixed-cidr",
    "string",
    "full",
    "Part of the bridge's subnet that containers get addresses of",
  ),
  option("fixed-cidr-v6", "string", "full", "IPv6 subnet of the default bridge network"),
  option("group|G", "string", "full", "Group of the unix socket", "docker, else wharf"),
  option(
    "host|H hosts",
    "list",
    "full",
    "Where to listen: unix://PATH, tcp://ADDRESS:PORT, or fd:// for sockets of systemd",
    "unix:///run/wharf.sock",
  ),
  option(
    "host-gateway-ip host-gateway-ips",
    "list",
    "full",
    "What host-gateway of --add-host stands for",
  ),
  option("http-proxy -", "string", "full", "Proxy for outgoing http"),
  option("https-proxy -", "string", "full", "Proxy for outgoing https"),
  option(
    "icc",
    "boolean",
    "full",
    "Let containers of the default bridge network reach each other",
    "true",
  ),
  option("init", "boolean", "full", "Run an init process in every container"),
  option("init-path", "string", "full", "Path of the init executable"),
  option("insecure-registry insecure-registries", "list", "reload", "Registries without valid TLS"),
  option("ip", "string", "full", "Address of the host that ports are published on", "0.0.0.0"),
  option("ip-forward", "boolean", "full", "Switch IP forwarding on", "true"),
  option(
    "ip-forward-no-drop",
    "boolean",
    "none",
    "Leave the FORWARD policy as it is: Wharf never changes it",
  ),
  option("ip-masq", "boolean", "full", "Masquerade the default bridge network", "true"),
  option("ip6tables", "boolean", "none", "Rules for IPv6 by iptables: Wharf uses nftables"),
  option("iptables", "boolean", "none", "Rules by iptables: Wharf uses nftables"),
  option("ipv6", "boolean", "full", "IPv6 on the default bridge network"),
  option("label labels", "list", "reload", "Labels of the engine: KEY=VALUE"),
  option("live-restore", "boolean", "reload", "Leave containers running when the engine stops"),
  option("log-driver", "string", "full", "Log driver of containers", "json-file"),
  option("log-format", "string", "full", "Form of this engine's own log: text or json", "text"),
  option(
    "log-level|l",
    "string",
    "full",
    "Least level of this engine's own log: debug, info, warn, error, fatal",
    "info",
  ),
  option("log-opt log-opts", "map", "full", "Options of the log driver"),
  option("max-concurrent-downloads", "integer", "full", "Downloads at once"),
  option("max-concurrent-uploads", "integer", "full", "Uploads at once"),
  option("max-download-attempts", "integer", "full", "Attempts for each download"),
  option("metrics-addr", "string", "full", "Where to serve Prometheus metrics: ADDRESS:PORT"),
  option("mtu", "integer", "full", "MTU of the default bridge network", "1500"),
  option("network-control-plane-mtu", "integer", "none", "MTU between nodes"),
  option("no-new-privileges", "boolean", "full", "Set no-new-privileges in every container"),
  option("no-proxy -", "string", "full", "Hosts reached without proxy"),
  option(
    "node-generic-resource node-generic-resources",
    "list",
    "none",
    "Resources offered to a swarm",
  ),
  option("nri-opts -", "string", "none", "Node Resource Interface"),
  option("pidfile|p", "string", "full", "File for the process id", "/run/wharf.pid"),
  option(
    "plugin-dir plugin-dirs",
    "list",
    "full",
    "Folder to look for plugins in (.sock, .spec, .json), in place of those of Wharf and Docker",
  ),
  option(
    "publish-default-bind",
    "string",
    "full",
    "Address of the host that ports are published on which name none; before --ip",
    "0.0.0.0",
  ),
  option("raw-logs", "boolean", "none", "Times in full, no colours: this log is so always"),
  option("registry-mirror registry-mirrors", "list", "reload", "Mirrors of Docker Hub"),
  option("rootless", "boolean", "refused", "Run without root"),
  option(
    "seccomp-profile",
    "string",
    "full",
    "Seccomp profile: a path, builtin or unconfined",
    "builtin",
  ),
  option("selinux-enabled", "boolean", "refused", "SELinux labels"),
  option("shutdown-timeout", "integer", "reload", "Seconds that all containers have to stop", "15"),
  option(
    "storage-driver|s",
    "string",
    "full",
    "Storage driver: overlay2, fuse-overlayfs, btrfs or vfs",
    "the first that works",
  ),
  option("storage-opt storage-opts", "list", "full", "Options of the storage driver"),
  option("swarm-default-advertise-addr", "string", "none", "Address told to other nodes"),
  option("tls", "boolean", "full", "Serve tcp over TLS; --tls=false allows tcp without"),
  option("tlscacert", "string", "full", "Authority of the clients' certificates"),
  option("tlscert", "string", "full", "Certificate"),
  option("tlskey", "string", "full", "Key of the certificate"),
  option("tlsverify", "boolean", "full", "Serve tcp over TLS and verify clients"),
  option(
    "userland-proxy",
    "boolean",
    "none",
    "A process for each published port: Wharf needs none",
  ),
  option("userland-proxy-path", "string", "none", "Path of that process"),
  option(
    "userns-remap",
    "string",
    "full",
    "User namespace of containers: default, USER[:GROUP] or UID[:GID]",
  ),
  option("validate -", "boolean", "full", "Check the configuration and end"),
  option("version|v -", "boolean", "full", "Print the version and end"),
  option("help|h -", "boolean", "full", "Print this help and end"),
  option("- image-gc", "object", "full", "When images that nobody uses are removed"),
  option("- proxies", "object", "full", "Proxies of outgoing connections"),
  option("- builder", "object", "none", "Settings of the builder"),
  option("- nri-opts", "object", "none", "Node Resource Interface"),
  option("- oom-score-adjust", "integer", "none", "OOM score of the engine"),
  option("- deprecated-key-path", "string", "none", "Key of the engine's identity"),
  option("- api-cors-header", "string", "none", "CORS headers"),
  option("- allow-nondistributable-artifacts", "list", "none", "Registries for foreign layers"),
  option("- cluster-store", "string", "none", "Key-value store of old clusters"),
  option("- graph", "string", "none", "Old name of data-root"),
];

/** Name in messages: the key as docker's own messages use, else the flag. */
export function optionName(daemonOption: DaemonOption): string {
  return daemonOption.key ?? daemonOption.flag ?? "";
}
