import { createHash } from "node:crypto";
import {
  FailedPreconditionError,
  messageOf,
  NotFoundError,
  UnsupportedError,
} from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { KeptSocket, Sockets } from "#host/sockets.ts";
import { type PortRequest, PortInUseError, type PublishedPort } from "#networks/networks.ts";
import { HostSocket, keyOf } from "./host-socket.ts";

/** Whose ports they are: for messages. */
export interface PortOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly endpointId: string;
}

/** A port of the host that nobody else can bind until its socket is closed. */
export interface HeldPort {
  readonly published: PublishedPort;
  readonly socket: HostSocket;
}

const EPHEMERAL = { first: 32768, last: 60999 };

function shown(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/**
 * Hands out ports of the host. A port is bound for as long as it is published, so that the kernel is the
 * judge: of two starts that race for one, exactly one wins, and so it is with programs of the host. Rules
 * lead most traffic past the socket; with no address asked for, IPv4 and IPv6 are bound under one number.
 */
export class PortAllocator {
  readonly #sockets: Sockets;
  readonly #processes: Processes;
  readonly #defaultAddresses: readonly string[];
  readonly #holders = new Map<
    string,
    { readonly owner: PortOwner; readonly port: PublishedPort }
  >();
  #nextEphemeral: number;

  /**
   * @param options.engineId Decides where the search for a free port begins: engines side by side stay out of
   *   each other's way, also when one of them was killed and its rules are still there.
   * @param options.defaultAddresses Where a port goes that names no address: `["0.0.0.0", "::"]`.
   */
  constructor(options: {
    readonly engineId: string;
    readonly sockets: Sockets;
    readonly processes: Processes;
    readonly defaultAddresses: readonly string[];
  }) {
    this.#sockets = options.sockets;
    this.#processes = options.processes;
    this.#defaultAddresses = options.defaultAddresses;
    const digest = createHash("sha256").update(options.engineId).digest();
    const count = EPHEMERAL.last - EPHEMERAL.first + 1;
    this.#nextEphemeral = EPHEMERAL.first + (digest.readUInt32BE(0) % count);
  }

  /**
   * @param own Ports of the same container that it is to give up: one that is asked for keeps its socket.
   * @throws {PortInUseError} Naming the holder; nothing more is bound then.
   */
  async reserve(
    owner: PortOwner,
    requests: readonly PortRequest[],
    own: readonly HeldPort[] = [],
  ): Promise<readonly HeldPort[]> {
    const reusable = new Map(own.map((held) => [held.socket.name, held]));
    await using undo = new AsyncDisposableStack();
    const all: HeldPort[] = [];
    for (const request of requests) {
      for (const held of await this.#reserveOne(owner, request, reusable)) {
        all.push(held);
        // of two wishes for one port the second is refused
        if (!reusable.delete(held.socket.name)) undo.defer(() => this.release([held]));
      }
    }
    undo.move();
    return all;
  }

  /**
   * Takes the ports of a container over from an earlier daemon. A port that was not kept and that somebody else
   * has taken meanwhile is named in `lost`: the rules serve it all the same.
   *
   * @param kept Becomes this one's, what is not needed of it is closed.
   */
  async takeOver(
    owner: PortOwner,
    ports: readonly PublishedPort[],
    kept: readonly KeptSocket[],
  ): Promise<{ readonly held: readonly HeldPort[]; readonly lost: readonly string[] }> {
    const found = new Map(kept.map((socket) => [socket.name, socket.descriptor]));
    const held: HeldPort[] = [];
    const lost: string[] = [];
    for (const port of ports) {
      const descriptor = found.get(keyOf(port)) ?? this.#tryBind(port);
      found.delete(keyOf(port));
      if (descriptor === undefined) lost.push(this.#inUse(owner, port).message);
      else held.push(await this.#hold(owner, port, descriptor));
    }
    for (const descriptor of found.values()) this.#sockets.closeDescriptor(descriptor);
    return { held, lost };
  }

  /** Ports that passed to another container: messages name that one from now on. */
  own(owner: PortOwner, ports: readonly HeldPort[]): void {
    for (const { socket, published } of ports) {
      this.#holders.set(socket.name, { owner, port: published });
    }
  }

  async release(ports: readonly HeldPort[]): Promise<void> {
    for (const { socket } of ports) this.#holders.delete(socket.name);
    for (const { socket } of ports) await socket[Symbol.asyncDispose]();
  }

  /** Where a port goes that is asked for: the address that it names, else the default ones. */
  addressesFor({ hostAddress }: PortRequest): readonly string[] {
    return hostAddress ? [hostAddress] : this.#defaultAddresses;
  }

  async #reserveOne(
    owner: PortOwner,
    request: PortRequest,
    reusable: ReadonlyMap<string, HeldPort>,
  ): Promise<readonly HeldPort[]> {
    const isDefault = !request.hostAddress;
    const addresses = this.addressesFor(request);
    let clash: PublishedPort | undefined;
    for (const hostPort of this.#candidates(request)) {
      const ports = addresses.map((hostAddress) => ({
        protocol: request.protocol,
        containerPort: request.containerPort,
        hostAddress,
        hostPort,
      }));
      const result = await this.#bindAll(owner, ports, { isDefault, reusable });
      if (!("inUse" in result)) return result;
      clash ??= result.inUse;
    }
    if (!clash) throw new FailedPreconditionError("Cannot publish a port: no address to bind");
    throw this.#inUse(owner, clash);
  }

  *#candidates(request: PortRequest): Generator<number> {
    if (request.hostPort !== 0) {
      for (let port = request.hostPort.first; port <= request.hostPort.last; port += 1) yield port;
      return;
    }
    for (let count = EPHEMERAL.last - EPHEMERAL.first; count >= 0; count -= 1) {
      const port = this.#nextEphemeral;
      this.#nextEphemeral = port === EPHEMERAL.last ? EPHEMERAL.first : port + 1;
      yield port;
    }
  }

  async #bindAll(
    owner: PortOwner,
    ports: readonly PublishedPort[],
    options: { readonly isDefault: boolean; readonly reusable: ReadonlyMap<string, HeldPort> },
  ): Promise<readonly HeldPort[] | { readonly inUse: PublishedPort }> {
    await using undo = new AsyncDisposableStack();
    const all: HeldPort[] = [];
    for (const port of ports) {
      const own = options.reusable.get(keyOf(port));
      if (own) {
        all.push({ published: port, socket: own.socket });
        continue;
      }
      let descriptor: number | undefined;
      try {
        descriptor = this.#tryBind(port);
      } catch (error) {
        if (options.isDefault && ports.length > 1 && lacksIpv6(port, error)) continue;
        throw new FailedPreconditionError(
          `${this.#prefix(owner)}: failed to bind host port ${shown(port.hostAddress)}:${port.hostPort}` +
            `/${port.protocol}: ${bindFailure(port.hostAddress, error)}`,
          { cause: error },
        );
      }
      if (descriptor === undefined) return { inUse: port };
      const held = await this.#hold(owner, port, descriptor);
      all.push(held);
      undo.defer(() => this.release([held]));
    }
    undo.move();
    return all;
  }

  /** @returns Undefined when the address is in use. */
  #tryBind({ protocol, hostAddress, hostPort }: PublishedPort): number | undefined {
    return this.#sockets.reservePort(protocol, hostAddress, hostPort);
  }

  async #hold(owner: PortOwner, port: PublishedPort, descriptor: number): Promise<HeldPort> {
    this.#holders.set(keyOf(port), { owner, port });
    return { published: port, socket: await HostSocket.open(this.#sockets, port, descriptor) };
  }

  #prefix(owner: PortOwner): string {
    return (
      "driver failed programming external connectivity on endpoint " +
      `${owner.containerName} (${owner.endpointId})`
    );
  }

  /** Docker's words, then who it is: one of our containers or a program of the host. */
  #inUse(owner: PortOwner, port: PublishedPort): PortInUseError {
    const { protocol, hostAddress, hostPort } = port;
    const at = `${shown(hostAddress)}:${hostPort}`;
    const holder = this.#holders
      .values()
      .find((held) => held.port.protocol === protocol && held.port.hostPort === hostPort);
    if (holder) {
      const whose =
        holder.owner.containerId === owner.containerId
          ? "this container publishes it twice"
          : `container "${holder.owner.containerName}" publishes it`;
      return new PortInUseError(
        `${this.#prefix(owner)}: Bind for ${at} failed: port is already allocated: ${whose}`,
      );
    }
    const program = this.#processes.portHolder(protocol, hostPort);
    return new PortInUseError(
      `${this.#prefix(owner)}: failed to bind host port ${at}/${protocol}: address already in use` +
        (program ? ` by ${program}` : ""),
    );
  }
}

function bindFailure(address: string, error: unknown): string {
  // to the kernel there is no such address
  return error instanceof NotFoundError
    ? `cannot assign requested address: no interface of this host has ${address}`
    : messageOf(error);
}

/** A host without IPv6, or with it switched off. */
function lacksIpv6({ hostAddress }: PublishedPort, error: unknown): boolean {
  const isMissing = error instanceof UnsupportedError || error instanceof NotFoundError;
  return hostAddress.includes(":") && isMissing;
}
