import type { Fault } from "#base/fault.ts";
import { ConflictError } from "#base/errors.ts";
import type { PortProtocol, SocketVault } from "#host/sockets.ts";
import type { EndpointId, NetworkId, SandboxId } from "#spec/ids.ts";

export interface NetworkRecord {
  readonly id: NetworkId;
  readonly name: string;
  /** `bridge`, `host`, `null`, `macvlan`, `ipvlan`, `overlay`, or a plugin's name. */
  readonly driver: string;
  readonly createdMs: number;
  readonly internal: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** `172.18.0.0/16` and its gateway; with driver `bridge` at most one for each family. */
  readonly pools: readonly AddressPoolRecord[];
  /** Whether services of a swarm's other nodes may bring containers to it (`--attachable`). */
  readonly attachable?: boolean;
  /** A set of options that other networks are made from; nothing of it is on the host. */
  readonly configOnly?: boolean;
  /** Name of the network that this one's options come from. */
  readonly configFrom?: string;
  readonly ipamOptions?: Readonly<Record<string, string>>;
  /** `null`, which gives no addresses, or a plugin's name; the engine itself when absent. */
  readonly ipamDriver?: string;
  /** `global` where the driver says so. */
  readonly scope?: "local" | "global";
  /** Step that was under way: a restarted daemon takes the network away. */
  readonly intent?: "create" | "remove";
}

export interface AddressPoolRecord {
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange?: string;
  /** Addresses that no container gets, by name (`--aux-address`). */
  readonly auxiliary?: Readonly<Record<string, string>>;
  /** What the plugin calls it that gave it. */
  readonly poolId?: string;
  /** The user chose it: containers may ask for addresses of it. */
  readonly isUserChosen?: boolean;
}

/** One pool as the user wishes it; empty texts leave the choice to the engine. */
export interface PoolRequest {
  readonly subnet: string;
  readonly gateway: string;
  readonly ipRange: string;
  readonly auxiliary: Readonly<Record<string, string>>;
}

export interface NetworkRequest {
  readonly name: string;
  /** Empty for `bridge`. */
  readonly driver: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly enableIpv4: boolean;
  readonly enableIpv6: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly pools: readonly PoolRequest[];
  readonly ipamDriver: string;
  readonly ipamOptions: Readonly<Record<string, string>>;
  readonly configOnly: boolean;
  /** Name of a config-only network; empty for none. */
  readonly configFrom: string;
}

/** How a container wants to be on a network; empty texts leave the choice to the network. */
export interface Attachment {
  readonly networkId: NetworkId;
  readonly ipv4Address?: string;
  readonly ipv6Address?: string;
  readonly macAddress?: string;
  /** All names that it has in the network. */
  readonly dnsNames: readonly string[];
  /** Names that it alone has for others in the network, by alias: `--link`. */
  readonly links?: Readonly<Record<string, string>>;
  /** More addresses of the interface, not told to anybody. */
  readonly linkLocalAddresses?: readonly string[];
  /** In place of `ethN`. */
  readonly interfaceName?: string;
  readonly sysctls?: readonly InterfaceSysctl[];
  /** What a plugin is told. */
  readonly driverOptions?: Readonly<Record<string, string>>;
  /** The endpoint with the highest gives the default route; then the network whose name comes first. */
  readonly gatewayPriority?: number;
}

/** `/proc/sys/net/FAMILY/GROUP/INTERFACE/NAME`, each a plain word. */
export interface InterfaceSysctl {
  readonly family: string;
  readonly group: string;
  readonly name: string;
  readonly value: string;
}

/** One published port, resolved: what listens where. */
export interface PublishedPort {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  /** `0.0.0.0`, `::` or one address. */
  readonly hostAddress: string;
  /** 0: none of the host's, the container's own is open at its own address (gateway mode `routed`). */
  readonly hostPort: number;
}

/** A wish for a published port; `hostPort` 0 takes a free one of 32768–60999. */
export interface PortRequest {
  readonly protocol: PortProtocol;
  readonly containerPort: number;
  readonly hostAddress?: string;
  /** Inclusive range to take the first free port of. */
  readonly hostPort: { readonly first: number; readonly last: number } | 0;
}

export interface Endpoint {
  readonly id: EndpointId;
  readonly networkId: NetworkId;
  readonly networkName: string;
  readonly ipAddress: string;
  readonly prefixLength: number;
  readonly gateway: string;
  readonly macAddress: string;
  readonly ipv6Address?: string;
  readonly ipv6PrefixLength?: number;
  readonly ipv6Gateway?: string;
  /** All names of the container in the network's DNS. */
  readonly aliases: readonly string[];
}

export type SandboxMode =
  | { readonly kind: "bridge" }
  | { readonly kind: "none" }
  | { readonly kind: "host" }
  /** Joins the sandbox of another, running container. */
  | { readonly kind: "container"; readonly containerId: string };

/** What a container, or the daemon for it, says of its DNS; empty lists for what the host has. */
export interface DnsSettings {
  /** `--dns`: asked from the container, in the host's place. */
  readonly servers: readonly string[];
  /** `--dns-option`. */
  readonly options: readonly string[];
}

export interface SandboxRequest {
  readonly containerId: string;
  /** For messages: who publishes a port. Short id when absent. */
  readonly containerName?: string;
  readonly mode: SandboxMode;
  /** With mode `bridge`: what it is to be connected to; the default bridge when absent. */
  readonly attachments?: readonly Attachment[];
  readonly macAddress?: string;
  readonly ports: readonly PortRequest[];
  readonly dns?: DnsSettings;
  /** Inherited by the container's supervisor, to keep the ports while no daemon runs; the caller's to dispose. */
  readonly vault?: SocketVault;
  /** Makes the network namespace at a path in place of the engine: one that a user namespace owns. */
  readonly makeNamespace?: (path: string) => Promise<void>;
}

/** A container's network: its namespace and what is in it. Lives from start to stop. */
export interface Sandbox {
  readonly id: SandboxId;
  readonly containerId: string;
  readonly mode: SandboxMode;
  /** Pin of the namespace; absent for the host's. */
  readonly namespacePath?: string;
  /** One for each network; empty addresses on `host` and `none`, no endpoint at all with `container`. */
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PublishedPort[];
}

/**
 * A published port is taken. The message begins with Docker's words and ends with the holder, where
 * that is known.
 */
export class PortInUseError extends ConflictError {}

/** Ports that are reserved and not published yet. Disposing gives back what was not applied. */
export interface PortChange extends AsyncDisposable {
  /** All that the sandbox will publish. */
  readonly ports: readonly PublishedPort[];
  /** What it takes over of the other sandbox, as that published it. */
  readonly taken: readonly PublishedPort[];
  /** Writes the sandbox's record as it will be, or as it was; in the caller's transaction. */
  record(which: "after" | "before"): void;
  /**
   * Puts the rules in force in one transaction of the kernel, then gives the old ports back. Connections through
   * ports that stay go on, and those through ports that are taken over; those through ports that go are cut off.
   *
   * @throws {FailedPreconditionError} The kernel refuses; nothing has changed then.
   */
  apply(): Promise<void>;
}

/**
 * A container that runs comes to a network or leaves it: planned, and nothing of it done yet. Disposing gives
 * back what was not applied.
 */
export interface EndpointChange extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** Writes the sandbox's record as it will be, or as it was; in the caller's transaction. */
  record(which: "after" | "before"): void;
  /** Makes or removes the device, moves the default route and the published ports. Undone when it fails. */
  apply(): Promise<void>;
}

/** Disposing lets go of sockets and relays; containers, links and rules stay for the next daemon. */
export interface Networks extends AsyncDisposable {
  /** In the order of names. */
  list(): readonly NetworkRecord[];
  /** By name, id or unambiguous id prefix. */
  resolve(reference: string): NetworkRecord;
  /**
   * Makes a network: recorded, made, recorded again.
   *
   * @throws {ConflictError} The name is taken. {PermissionDeniedError} A clash, naming the other network or the
   *   host's route and its device. {ResourceExhaustedError} No subnet is free.
   */
  create(request: NetworkRequest): Promise<NetworkRecord>;
  /** @throws {PermissionDeniedError} Predefined, or live containers are on it: they are named. */
  remove(networkId: NetworkId): Promise<void>;
  /** @throws {PermissionDeniedError} It is connected already, or the address is not to be had. */
  connect(containerId: string, attachment: Attachment): Promise<EndpointChange>;
  /**
   * @param options.isForced What stands in the way of the device, or of a plugin's, is said and goes on.
   * @returns Undefined when the sandbox is not on the network.
   */
  disconnect(
    containerId: string,
    networkId: NetworkId,
    options?: { readonly isForced: boolean },
  ): EndpointChange | undefined;
  /** Other names of a container in the DNS of a network: it was renamed. */
  renameEndpoint(containerId: string, networkId: NetworkId, dnsNames: readonly string[]): void;
  /** Endpoints now on a network, with the container of each. */
  endpointsOf(networkId: NetworkId): readonly {
    readonly containerId: string;
    readonly containerName: string;
    readonly endpoint: Endpoint;
  }[];
  /**
   * Namespace, address and reserved ports for a container about to start. Recorded before it acts, undone
   * whole when a step fails.
   * @throws {PortInUseError} Naming the holder. {ResourceExhaustedError} No address left.
   */
  openSandbox(request: SandboxRequest, signal: AbortSignal): Promise<Sandbox>;
  /**
   * Link, route and rules of an open sandbox: before this nothing passes. When it fails, `closeSandbox` takes
   * away what there is.
   */
  connectSandbox(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Prepares another set of published ports for a connected sandbox with an address: the new ones are reserved,
   * nothing else has happened. One at a time for a container.
   *
   * @param change.from Container of a sandbox whose ports may be taken over: one transaction of the kernel ends
   *   them there and begins them here, so that no new connection is refused.
   * @throws {PortInUseError} Naming the holder. {ConflictError} The sandbox publishes no ports.
   */
  changePorts(
    containerId: string,
    change: {
      readonly add: readonly PortRequest[];
      readonly remove: readonly PublishedPort[];
      readonly from?: string;
    },
  ): Promise<PortChange>;
  /** Undoes `openSandbox`; what is already gone is no error. */
  closeSandbox(containerId: string): Promise<void>;
  sandboxOf(containerId: string): Sandbox | undefined;
  /** What `host-gateway` stands for in extra hosts: as configured, else the host's addresses on the default bridge. */
  hostGatewayAddresses(): readonly string[];
  /** Interface counters inside a sandbox, for stats; empty for the host's and for none. */
  counters(containerId: string): Readonly<Record<string, InterfaceCounters>>;
  /**
   * Called once at start: keeps the sandboxes of `liveContainerIds` (their ports reserved again, rules
   * put back where missing), removes all others of this engine, and restores the bridge.
   */
  reconcile(liveContainerIds: ReadonlySet<string>): Promise<void>;
  /** What is on the host and should not be, or should be and is not. Looks, and changes nothing. */
  audit(): Promise<readonly Fault[]>;
  /** What engines that are no more have left in the host's forward chains. Looks, and changes nothing. */
  auditOthers(): Promise<readonly Fault[]>;
  /** What of the host is in the networks' way, a sentence each; for `info`. */
  warnings(): readonly string[];
  /** Removes everything of this engine from the host at a clean end with no container running. */
  teardown(): Promise<void>;
}

export interface InterfaceCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}
