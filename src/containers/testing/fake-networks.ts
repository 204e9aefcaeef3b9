import { ConflictError, NotFoundError, UnsupportedError } from "#base/errors.ts";
import {
  type Attachment,
  type Endpoint,
  type EndpointChange,
  type InterfaceCounters,
  type NetworkRecord,
  type Networks,
  type PortChange,
  PortInUseError,
  type PublishedPort,
  type Sandbox,
  type SandboxRequest,
} from "#networks/networks.ts";
import { type NetworkId, parseEndpointId, parseNetworkId, parseSandboxId } from "#spec/ids.ts";

/** The sandboxes of a host: what outlives a daemon. */
export type FakeSandboxes = Map<string, Sandbox>;

function network(name: string, driver: NetworkRecord["driver"], digit: string): NetworkRecord {
  return {
    id: parseNetworkId(digit.repeat(64)),
    name,
    driver,
    createdMs: 0,
    internal: false,
    enableIpv4: true,
    enableIpv6: false,
    labels: {},
    options: {},
    pools: [],
  };
}

export class FakeNetworks implements Networks {
  readonly #sandboxes: FakeSandboxes;
  readonly #address: () => string;

  constructor(sandboxes: FakeSandboxes, address: () => string) {
    this.#sandboxes = sandboxes;
    this.#address = address;
  }

  list(): readonly NetworkRecord[] {
    return [
      network("bridge", "bridge", "a"),
      network("host", "host", "b"),
      network("none", "null", "c"),
    ];
  }

  resolve(reference: string): NetworkRecord {
    const found = this.list().find(({ name, id }) => name === reference || id === reference);
    if (!found) throw new NotFoundError(`network ${reference} not found`);
    return found;
  }

  warnings(): [] {
    return [];
  }

  endpointsOf(): [] {
    return [];
  }

  create(): Promise<never> {
    throw new UnsupportedError("the fake has the predefined networks only");
  }

  async remove(): Promise<void> {
    throw new UnsupportedError("the fake has the predefined networks only");
  }

  async connect(containerId: string, { networkId, dnsNames }: Attachment): Promise<EndpointChange> {
    const before = this.#sandboxes.get(containerId);
    if (!before) throw new ConflictError(`container ${containerId} has no sandbox`);
    const endpoint = this.#endpoint(this.resolve(networkId), dnsNames);
    return this.#change(before, endpoint, [...before.endpoints, endpoint]);
  }

  disconnect(containerId: string, networkId: NetworkId): EndpointChange | undefined {
    const before = this.#sandboxes.get(containerId);
    const endpoint = before?.endpoints.find((one) => one.networkId === networkId);
    if (!before || !endpoint) return undefined;
    return this.#change(
      before,
      endpoint,
      before.endpoints.filter((one) => one !== endpoint),
    );
  }

  #change(before: Sandbox, endpoint: Endpoint, endpoints: readonly Endpoint[]): EndpointChange {
    return {
      endpoint,
      record: (which) => {
        const after = { ...before, endpoints };
        this.#sandboxes.set(before.containerId, which === "after" ? after : before);
      },
      apply: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  #endpoint({ id, name }: NetworkRecord, aliases: readonly string[]): Endpoint {
    return {
      id: parseEndpointId("e".repeat(64)),
      networkId: id,
      networkName: name,
      ipAddress: this.#address(),
      prefixLength: 16,
      gateway: "172.18.0.1",
      macAddress: "",
      aliases,
    };
  }

  renameEndpoint(): void {}

  async openSandbox(request: SandboxRequest, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { containerId, mode } = request;
    if (this.#sandboxes.has(containerId)) {
      throw new ConflictError(`container ${containerId} has a sandbox`);
    }
    const ports = request.ports.map(({ protocol, containerPort, hostPort }) => ({
      protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
      containerPort,
      hostAddress: "0.0.0.0",
      hostPort: hostPort === 0 ? 32768 : hostPort.first,
    }));
    const taken = new Set(
      [...this.#sandboxes.values()].flatMap((s) => s.ports.map((p) => p.hostPort)),
    );
    for (const { hostPort } of ports) {
      if (taken.has(hostPort)) throw new PortInUseError(`port ${hostPort} is already allocated`);
    }
    const [bridge] = this.list();
    const sandbox: Sandbox = {
      id: parseSandboxId("d".repeat(64)),
      containerId,
      mode,
      namespacePath: `/run/netns/${containerId}`,
      endpoints: mode.kind === "bridge" && bridge ? [this.#endpoint(bridge, [])] : [],
      ports,
    };
    this.#sandboxes.set(containerId, sandbox);
    return sandbox;
  }

  async connectSandbox(_containerId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
  }

  async changePorts(
    containerId: string,
    { add, remove, from }: Parameters<Networks["changePorts"]>[1],
  ): Promise<PortChange> {
    const before = this.#sandboxes.get(containerId);
    if (!before) throw new ConflictError(`container ${containerId} has no sandbox`);
    const taken = [...this.#sandboxes.values()].flatMap(({ ports }) => ports);
    const added = add.map(({ protocol, containerPort, hostPort }) => ({
      protocol: protocol === "udp" ? ("udp" as const) : ("tcp" as const),
      containerPort,
      hostAddress: "0.0.0.0",
      hostPort: hostPort === 0 ? 32768 : hostPort.first,
    }));
    const donor = from === undefined ? undefined : this.#sandboxes.get(from);
    const isWanted = ({ hostPort }: { readonly hostPort: number }): boolean =>
      added.some((port) => port.hostPort === hostPort);
    const given = (donor?.ports ?? []).filter(isWanted);
    for (const { hostPort } of added) {
      const isFree = (port: PublishedPort): boolean =>
        remove.includes(port) || given.includes(port);
      if (taken.some((port) => port.hostPort === hostPort && !isFree(port))) {
        throw new PortInUseError(`port ${hostPort} is already allocated`);
      }
    }
    const ports = [...before.ports.filter((port) => !remove.includes(port)), ...added];
    return {
      ports,
      taken: given,
      // here the sandboxes are record and world in one
      record: (which) => {
        const isAfter = which === "after";
        this.#sandboxes.set(containerId, isAfter ? { ...before, ports } : before);
        if (!donor) return;
        const left = donor.ports.filter((port) => !given.includes(port));
        this.#sandboxes.set(donor.containerId, isAfter ? { ...donor, ports: left } : donor);
      },
      apply: async () => {},
      [Symbol.asyncDispose]: async () => {},
    };
  }

  async closeSandbox(containerId: string): Promise<void> {
    this.#sandboxes.delete(containerId);
  }

  sandboxOf(containerId: string): Sandbox | undefined {
    return this.#sandboxes.get(containerId);
  }

  hostGatewayAddresses(): readonly string[] {
    return ["172.18.0.1"];
  }

  counters(): Readonly<Record<string, InterfaceCounters>> {
    return {};
  }

  async reconcile(live: ReadonlySet<string>): Promise<void> {
    for (const id of this.#sandboxes.keys()) if (!live.has(id)) this.#sandboxes.delete(id);
  }

  auditOthers(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  audit(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  async teardown(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
