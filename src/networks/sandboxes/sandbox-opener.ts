import { join } from "node:path";
import { ConflictError, NotFoundError, PermissionDeniedError } from "#base/errors.ts";
import type { NetworkCatalog } from "#networks/catalog.ts";
import type { EndpointAddresses, EndpointRecord, NetworkDrivers } from "#networks/driver.ts";
import { nextInterface } from "#networks/gateway-endpoint.ts";
import type { Ipam } from "#networks/ipam/ipam.ts";
import { parseMac } from "#networks/ipam/mac.ts";
import type { Attachment, NetworkRecord, SandboxRequest } from "#networks/networks.ts";
import type { SandboxRecord } from "#networks/records.ts";
import type { Namespaces } from "#host/namespaces.ts";
import { newEndpointId, newSandboxId, type RandomBytes, shortId } from "#spec/ids.ts";
import { type LiveSandbox, targetsOf } from "./live-sandbox.ts";
import type { SandboxDevices } from "./sandbox-devices.ts";
import type { SandboxPorts } from "./sandbox-ports.ts";
import type { SandboxTable } from "./sandbox-table.ts";

export interface SandboxOpenerOptions {
  readonly table: SandboxTable;
  readonly devices: SandboxDevices;
  readonly ports: SandboxPorts;
  readonly catalog: NetworkCatalog;
  readonly drivers: NetworkDrivers;
  readonly ipam: Ipam;
  readonly namespaces: Namespaces;
  /** Folder of the namespaces' pins. */
  readonly namespaceDir: string;
  readonly randomBytes: RandomBytes;
}

/** Plans and makes sandboxes; their devices come later. */
export class SandboxOpener {
  readonly #options: SandboxOpenerOptions;
  readonly #opening = new Set<string>();

  constructor(options: SandboxOpenerOptions) {
    this.#options = options;
  }

  /** @see Networks.openSandbox */
  async open(request: SandboxRequest, signal: AbortSignal): Promise<SandboxRecord> {
    signal.throwIfAborted();
    const { containerId } = request;
    const { table } = this.#options;
    if (table.has(containerId) || this.#opening.has(containerId)) {
      throw new ConflictError(`Cannot set up networking: container ${containerId} has a sandbox`);
    }
    this.#opening.add(containerId);
    try {
      const sandbox =
        request.mode.kind === "container"
          ? this.#join(request, request.mode.containerId)
          : await this.#make(request, request.mode.kind, signal);
      table.set(sandbox);
      return sandbox.record;
    } finally {
      this.#opening.delete(containerId);
    }
  }

  #join(request: SandboxRequest, targetId: string): LiveSandbox {
    const target = this.#options.table.get(targetId);
    if (!target || target.closing) {
      throw new ConflictError(
        `cannot join network namespace of a non running container: container ${targetId} is not running`,
      );
    }
    const { namespacePath } = target.record;
    const record: SandboxRecord = {
      id: target.record.id,
      containerId: request.containerId,
      containerName: request.containerName ?? shortId(request.containerId),
      mode: request.mode,
      ...(namespacePath === undefined ? {} : { namespacePath }),
      endpoints: [],
      ports: [],
    };
    this.#options.table.put(record);
    return { record, held: [], targets: [] };
  }

  async #make(
    request: SandboxRequest,
    kind: "bridge" | "none" | "host",
    signal: AbortSignal,
  ): Promise<LiveSandbox> {
    const { table, namespaces, ports, devices } = this.#options;
    const id = newSandboxId(this.#options.randomBytes);
    await using undo = new AsyncDisposableStack();

    const endpoints: EndpointRecord[] = [];
    for (const { network, attachment } of this.#networksFor(request, kind)) {
      const endpoint = await this.planEndpoint(network, request, endpoints, attachment);
      endpoints.push(endpoint);
      undo.defer(() => table.releaseAddress(endpoint));
    }
    using _ = { [Symbol.dispose]: () => endpoints.forEach((one) => table.planned.delete(one)) };
    const plan = {
      id,
      containerId: request.containerId,
      containerName: request.containerName ?? shortId(request.containerId),
      mode: request.mode,
      ...(kind === "host"
        ? {}
        : { namespacePath: join(this.#options.namespaceDir, id.slice(0, 12)) }),
      endpoints,
      ...(request.dns ? { dns: request.dns } : {}),
    };
    const { held, published } = await ports.reserve(plan, request.ports);
    undo.defer(() => ports.release(held));
    const vault = ports.keep(plan, held, request.vault);
    if (vault) undo.use(vault);
    const record: SandboxRecord = { ...plan, ports: published };
    signal.throwIfAborted();

    table.put(record);
    undo.defer(() => table.delete(record.containerId));
    const { namespacePath } = record;
    if (namespacePath !== undefined) {
      undo.defer(() => devices.dropNamespace(record));
      if (request.makeNamespace) await request.makeNamespace(namespacePath);
      else namespaces.createNetwork(namespacePath);
    }
    table.tell(record);
    undo.move();
    return { record, held, targets: targetsOf(record), ...(vault ? { vault } : {}) };
  }

  #networksFor(
    request: SandboxRequest,
    kind: "bridge" | "none" | "host",
  ): readonly { readonly network: NetworkRecord; readonly attachment?: Attachment }[] {
    if (kind !== "bridge" || !request.attachments) {
      return [{ network: this.#options.catalog.resolve(kind) }];
    }
    return request.attachments.map((attachment) => ({
      network: this.networkToJoin(attachment),
      attachment,
    }));
  }

  /** @throws {NotFoundError} It is gone. {PermissionDeniedError} Nobody can be on it. */
  networkToJoin({ networkId }: Attachment): NetworkRecord {
    const network = this.#options.catalog.get(networkId);
    if (!network || network.intent !== undefined) {
      throw new NotFoundError(`network ${networkId} not found`);
    }
    if (network.configOnly) {
      throw new PermissionDeniedError(
        `network ${network.name} is a configuration-only network: a container cannot be connected to it`,
      );
    }
    return network;
  }

  /**
   * An endpoint with its addresses, which is in the table of those that are planned.
   *
   * @param others The endpoints that the sandbox has.
   */
  async planEndpoint(
    network: NetworkRecord,
    container: Pick<SandboxRequest, "containerId" | "macAddress"> & Partial<SandboxRequest>,
    others: readonly EndpointRecord[],
    attachment: Attachment | undefined,
  ): Promise<EndpointRecord> {
    const { drivers, ipam, table, randomBytes } = this.#options;
    const driver = drivers.of(network);
    const wanted = attachment?.macAddress ?? container.macAddress;
    const mac = wanted ? { macAddress: parseMac(wanted) } : {};
    const endpointId = newEndpointId(randomBytes);
    using _ = table.claim({ id: endpointId, networkId: network.id });
    const addresses: EndpointAddresses = driver.hasAddresses
      ? await ipam.take(network, { ...attachment, ...mac })
      : {};
    try {
      const planned = driver.planEndpoint(network, {
        endpointId,
        containerId: container.containerId,
        nextInterface: (prefix) => nextInterface(others, prefix),
        addresses,
        ...(container.ports ? { ports: container.ports } : {}),
        ...(attachment ? { attachment } : {}),
        ...mac,
      });
      const endpoint = attachment?.links ? { ...planned, links: attachment.links } : planned;
      table.planned.add(endpoint);
      return endpoint;
    } catch (error) {
      await ipam.release(network, {
        ipAddress: addresses.ipv4?.address ?? "",
        ...(addresses.ipv6 ? { ipv6Address: addresses.ipv6.address } : {}),
      });
      throw error;
    }
  }
}
