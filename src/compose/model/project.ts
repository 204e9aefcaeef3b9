import type { Tree, TreePath } from "#compose/file/tree.ts";

/**
 * The Compose specification's model: its names, every short form in its long one. Durations are nanoseconds,
 * sizes bytes.
 */

/** One number for both limits, or both. */
export type Ulimit = number | UlimitRange;

export interface FileReference {
  readonly source?: string;
  readonly target?: string;
  readonly uid?: string;
  readonly gid?: string;
  readonly mode?: number;
}

export interface UlimitRange {
  readonly soft?: number;
  readonly hard?: number;
}

export interface DeviceRate {
  readonly path?: string;
  readonly rate?: number;
}

export interface Build {
  readonly context?: string;
  readonly dockerfile?: string;
  readonly dockerfile_inline?: string;
  readonly entitlements?: readonly string[];
  readonly args?: ReadonlyMap<string, string | null>;
  readonly provenance?: string;
  readonly sbom?: string;
  readonly ssh?: ReadonlyMap<string, string | null>;
  readonly labels?: ReadonlyMap<string, string>;
  readonly cache_from?: readonly string[];
  readonly cache_to?: readonly string[];
  readonly no_cache?: boolean;
  readonly no_cache_filter?: readonly string[];
  readonly additional_contexts?: ReadonlyMap<string, string>;
  readonly pull?: boolean;
  readonly extra_hosts?: ReadonlyMap<string, readonly string[]>;
  readonly isolation?: string;
  readonly network?: string;
  readonly target?: string;
  readonly secrets?: readonly FileReference[];
  readonly shm_size?: number;
  readonly tags?: readonly string[];
  readonly ulimits?: ReadonlyMap<string, Ulimit>;
  readonly platforms?: readonly string[];
  readonly privileged?: boolean;
}

export interface Hook {
  readonly command?: readonly string[] | null;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly working_dir?: string;
  readonly environment?: ReadonlyMap<string, string | null>;
}

/** A container of its own that runs to its end before the service's start. */
export interface PreStartHook extends Hook {
  /** The service's, where none is said. */
  readonly image?: string;
  /** Once for each container; else once for the service. */
  readonly per_replica?: boolean;
}

export interface Develop {
  readonly watch?: readonly {
    readonly path?: string;
    readonly action?: string;
    readonly target?: string;
    readonly exec?: Hook;
    readonly include?: readonly string[];
    readonly ignore?: readonly string[];
    readonly initial_sync?: boolean;
  }[];
}

export interface BlkioConfig {
  readonly weight?: number;
  readonly weight_device?: readonly { readonly path?: string; readonly weight?: number }[];
  readonly device_read_bps?: readonly DeviceRate[];
  readonly device_read_iops?: readonly DeviceRate[];
  readonly device_write_bps?: readonly DeviceRate[];
  readonly device_write_iops?: readonly DeviceRate[];
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[];
  readonly driver?: string;
  readonly count?: number;
  readonly device_ids?: readonly string[];
  readonly options?: ReadonlyMap<string, string>;
}

export interface ResourceLimits {
  readonly cpus?: number;
  readonly memory?: number;
  readonly pids?: number;
  readonly devices?: readonly DeviceRequest[];
  readonly generic_resources?: readonly {
    readonly discrete_resource_spec?: { readonly kind?: string; readonly value?: number };
  }[];
}

export interface UpdateConfig {
  readonly parallelism?: number;
  readonly delay?: number;
  readonly failure_action?: string;
  readonly monitor?: number;
  readonly max_failure_ratio?: number;
  readonly order?: string;
}

export interface Deploy {
  readonly mode?: string;
  readonly replicas?: number;
  readonly labels?: ReadonlyMap<string, string>;
  readonly update_config?: UpdateConfig;
  readonly rollback_config?: UpdateConfig;
  readonly resources?: { readonly limits?: ResourceLimits; readonly reservations?: ResourceLimits };
  readonly restart_policy?: {
    readonly condition?: string;
    readonly delay?: number;
    readonly max_attempts?: number;
    readonly window?: number;
  };
  readonly placement?: {
    readonly constraints?: readonly string[];
    readonly preferences?: readonly { readonly spread?: string }[];
    readonly max_replicas_per_node?: number;
  };
  readonly endpoint_mode?: string;
}

export interface Healthcheck {
  readonly test?: readonly string[];
  readonly timeout?: number;
  readonly interval?: number;
  readonly retries?: number;
  readonly start_period?: number;
  readonly start_interval?: number;
  readonly disable?: boolean;
}

export interface ServiceNetwork {
  readonly aliases?: readonly string[];
  readonly driver_opts?: ReadonlyMap<string, string>;
  readonly gw_priority?: number;
  readonly interface_name?: string;
  readonly ipv4_address?: string;
  readonly ipv6_address?: string;
  readonly link_local_ips?: readonly string[];
  readonly mac_address?: string;
  readonly priority?: number;
}

export interface ServicePort {
  readonly name?: string;
  readonly mode?: string;
  readonly host_ip?: string;
  readonly target?: number;
  readonly published?: string;
  readonly protocol?: string;
  readonly app_protocol?: string;
}

export interface ServiceMount {
  readonly type?: string;
  readonly source?: string;
  readonly target?: string;
  readonly read_only?: boolean;
  readonly consistency?: string;
  readonly bind?: {
    readonly selinux?: string;
    readonly propagation?: string;
    readonly create_host_path?: boolean;
    readonly recursive?: string;
  };
  readonly volume?: {
    readonly labels?: ReadonlyMap<string, string>;
    readonly nocopy?: boolean;
    readonly subpath?: string;
  };
  readonly tmpfs?: { readonly size?: number; readonly mode?: number };
  readonly image?: { readonly subpath?: string };
}

export interface EnvFile {
  readonly path?: string;
  readonly required?: boolean;
  readonly format?: string;
}

export interface Service {
  readonly profiles?: readonly string[];
  readonly annotations?: ReadonlyMap<string, string>;
  readonly attach?: boolean;
  readonly build?: Build;
  readonly develop?: Develop;
  readonly blkio_config?: BlkioConfig;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cgroup_parent?: string;
  readonly cgroup?: string;
  readonly cpu_count?: number;
  readonly cpu_percent?: number;
  readonly cpu_period?: number;
  readonly cpu_quota?: number;
  readonly cpu_rt_period?: number;
  readonly cpu_rt_runtime?: number;
  readonly cpus?: number;
  readonly cpuset?: string;
  readonly cpu_shares?: number;
  readonly command?: readonly string[] | null;
  readonly configs?: readonly FileReference[];
  readonly container_name?: string;
  readonly credential_spec?: {
    readonly config?: string;
    readonly file?: string;
    readonly registry?: string;
  };
  readonly depends_on?: ReadonlyMap<
    string,
    { readonly condition?: string; readonly restart?: boolean; readonly required?: boolean }
  >;
  readonly deploy?: Deploy;
  readonly device_cgroup_rules?: readonly string[];
  readonly devices?: readonly {
    readonly source?: string;
    readonly target?: string;
    readonly permissions?: string;
  }[];
  readonly dns?: readonly string[];
  readonly dns_opt?: readonly string[];
  readonly dns_search?: readonly string[];
  readonly domainname?: string;
  readonly entrypoint?: readonly string[] | null;
  readonly provider?: {
    readonly type?: string;
    readonly options?: ReadonlyMap<string, readonly string[]>;
  };
  readonly environment?: ReadonlyMap<string, string | null>;
  readonly env_file?: readonly EnvFile[];
  readonly expose?: readonly string[];
  readonly external_links?: readonly string[];
  readonly extra_hosts?: ReadonlyMap<string, readonly string[]>;
  readonly group_add?: readonly string[];
  readonly gpus?: readonly DeviceRequest[];
  readonly hostname?: string;
  readonly healthcheck?: Healthcheck;
  readonly image?: string;
  readonly init?: boolean;
  readonly ipc?: string;
  readonly isolation?: string;
  readonly labels?: ReadonlyMap<string, string>;
  readonly label_file?: readonly string[];
  readonly links?: readonly string[];
  readonly logging?: { readonly driver?: string; readonly options?: ReadonlyMap<string, string> };
  readonly mem_limit?: number;
  readonly mem_reservation?: number;
  readonly memswap_limit?: number;
  readonly mem_swappiness?: number;
  readonly mac_address?: string;
  readonly models?: ReadonlyMap<
    string,
    { readonly endpoint_var?: string; readonly model_var?: string } | null
  >;
  readonly network_mode?: string;
  readonly networks?: ReadonlyMap<string, ServiceNetwork | null>;
  readonly oom_kill_disable?: boolean;
  readonly oom_score_adj?: number;
  readonly pid?: string;
  readonly pids_limit?: number;
  readonly platform?: string;
  readonly ports?: readonly ServicePort[];
  readonly privileged?: boolean;
  readonly pull_policy?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly runtime?: string;
  readonly scale?: number;
  readonly secrets?: readonly FileReference[];
  readonly security_opt?: readonly string[];
  readonly shm_size?: number;
  readonly stdin_open?: boolean;
  readonly stop_grace_period?: number;
  readonly stop_signal?: string;
  readonly storage_opt?: ReadonlyMap<string, string>;
  readonly sysctls?: ReadonlyMap<string, string>;
  readonly tmpfs?: readonly string[];
  readonly tty?: boolean;
  readonly ulimits?: ReadonlyMap<string, Ulimit>;
  readonly use_api_socket?: boolean;
  readonly user?: string;
  readonly userns_mode?: string;
  readonly uts?: string;
  readonly volumes?: readonly ServiceMount[];
  readonly volumes_from?: readonly string[];
  readonly working_dir?: string;
  /** Of the specification's newest version; nothing here runs them yet. */
  readonly pre_start?: readonly PreStartHook[];
  readonly post_start?: readonly Hook[];
  readonly pre_stop?: readonly Hook[];
}

export interface Network {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: ReadonlyMap<string, string>;
  readonly ipam?: {
    readonly driver?: string;
    readonly config?: readonly {
      readonly subnet?: string;
      readonly gateway?: string;
      readonly ip_range?: string;
      readonly aux_addresses?: ReadonlyMap<string, string>;
    }[];
  };
  readonly external?: boolean;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly labels?: ReadonlyMap<string, string>;
  readonly enable_ipv4?: boolean;
  readonly enable_ipv6?: boolean;
}

export interface Volume {
  readonly name?: string;
  readonly driver?: string;
  readonly driver_opts?: ReadonlyMap<string, string>;
  readonly external?: boolean;
  readonly labels?: ReadonlyMap<string, string>;
}

export interface FileObject {
  readonly name?: string;
  readonly file?: string;
  readonly environment?: string;
  readonly content?: string;
  readonly external?: boolean;
  readonly labels?: ReadonlyMap<string, string>;
  readonly driver?: string;
  readonly driver_opts?: ReadonlyMap<string, string>;
  readonly template_driver?: string;
}

export interface Model {
  readonly name?: string;
  readonly model?: string;
  readonly context_size?: number;
  readonly runtime_flags?: readonly string[];
}

/** A Compose application, everything named and in its long form. */
export interface Project {
  readonly name: string;
  /** Between the parts of names; `-` unless `--compatibility` says otherwise. */
  readonly separator?: "_";
  /** Relative paths are from here. */
  readonly workingDirectory: string;
  /** As the user named them, absolute. */
  readonly files: readonly string[];
  /** What variables were taken from: the environment over the env files. */
  readonly environment: ReadonlyMap<string, string>;
  readonly services: ReadonlyMap<string, Service>;
  /** Whose profile is not active. */
  readonly disabledServices: ReadonlyMap<string, Service>;
  readonly networks: ReadonlyMap<string, Network>;
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly secrets: ReadonlyMap<string, FileObject>;
  readonly configs: ReadonlyMap<string, FileObject>;
  readonly models: ReadonlyMap<string, Model>;
  /** Of the engine's socket on its host, where a service uses it. */
  readonly apiSocketPath?: string;
  /** Top-level keys that begin with `x-`. */
  readonly extensions: ReadonlyMap<string, Tree>;
  /** Where something stands in the files, to begin a message with: `compose.yaml:5:3: `; empty where nowhere. */
  readonly locate: (path: TreePath) => string;
}
