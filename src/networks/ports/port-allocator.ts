import { createHash } from "node:crypto";
import { FailedPreconditionError, messageOf, UnsupportedError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets } from "#host/sockets.ts";
import { tryParseIp } from "#base/ip.ts";
import { type PortRequest, PortInUseError, type PublishedPort } from "#networks/networks.ts";
import { openTcpRelay, openUdpRelay, type Relay } from "./relay.ts";

/** Whose ports they are: for messages. */
export interface PortOwner {
  readonly containerId: string;
  readonly containerName: string;
  readonly endpointId: string;
  /** IPv4 address of the container: where relays send to. */
  readonly address: string;
}

/** Ports bound on the host for one container. Nobody else can bind them until it is disposed. */
export interface PortReservation extends AsyncDisposable {
  readonly published: readonly PublishedPort[];
  /**
   * Gives some back; those that are none of this reservation's are passed over.
   *
   * @returns Those that it gave back.
   */
  release(ports: readonly PublishedPort[]): Promise<readonly PublishedPort[]>;
  /** Binds again what `release` gave back, unless somebody else has it by now. */
  retake(ports: readonly PublishedPort[]): Promise<void>;
}

type Bound =
  | { readonly published: PublishedPort; readonly descriptor: number }
  | { readonly published: PublishedPort; readonly relay: Relay };

/** What one attempt to bind came to; an address that is in use is an ordinary answer. */
type Attempt = Bound | { readonly inUse: PublishedPort };

const EPHEMERAL = { first: 32768, last: 60999 };
const IN_USE = new Set(["EADDRINUSE"]);
/** A host without IPv6, or with it switched off. */
const NO_FAMILY = new Set(["EAFNOSUPPORT", "EADDRNOTAVAIL"]);

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

function shown(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/**
 * Hands out ports of the host. A port is bound for as long as it is published, so that the kernel is the
 * judge: of two starts that race for one, exactly one wins, and so it is with programs of the host.
 *
 * An IPv4 port is bound and nobody ever listens: rules rewrite the traffic before it gets there. A port on
 * an IPv6 address is a relay. With no address asked for, both are bound under one number.
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

  /** @throws {PortInUseError} Naming the holder; nothing stays bound then. */
  async reserve(owner: PortOwner, requests: readonly PortRequest[]): Promise<PortReservation> {
    await using undo = new AsyncDisposableStack();
    const bound: Bound[] = [];
    for (const request of requests) {
      for (const part of await this.#reserveOne(owner, request)) {
        bound.push(part);
        undo.defer(() => this.#release(part));
      }
    }
    undo.move();
    return this.#hold(owner, bound);
  }

  #hold(owner: PortOwner, bound: readonly Bound[]): PortReservation {
    const held = new Map(bound.map((part) => [keyOf(part.published), part]));
    const release = async (ports: readonly PublishedPort[]): Promise<readonly PublishedPort[]> => {
      const parts = ports.flatMap((port) => held.get(keyOf(port)) ?? []);
      // given up all at once, before the first wait: who releases beside this finds nothing to close again
      for (const part of parts) held.delete(keyOf(part.published));
      for (const part of parts) await this.#release(part);
      return parts.map(({ published }) => published);
    };
    return {
      published: bound.map(({ published }) => published),
      release,
      retake: async (ports) => {
        for (const port of ports) {
          const attempt = await this.#bind(owner, port);
          if (!("inUse" in attempt)) held.set(keyOf(port), attempt);
        }
      },
      [Symbol.asyncDispose]: async () => {
        await release([...held.values()].map(({ published }) => published));
      },
    };
  }

  /**
   * Binds known ports again after a restart of the daemon. A port that somebody else has taken meanwhile is
   * skipped and named in `lost`: the rules serve it all the same.
   */
  async restore(
    owner: PortOwner,
    ports: readonly PublishedPort[],
  ): Promise<PortReservation & { readonly lost: readonly string[] }> {
    await using undo = new AsyncDisposableStack();
    const lost: string[] = [];
    const bound: Bound[] = [];
    for (const port of ports) {
      const attempt = await this.#bind(owner, port);
      if ("inUse" in attempt) {
        lost.push(this.#inUse(owner, port).message);
        continue;
      }
      bound.push(attempt);
      undo.defer(() => this.#release(attempt));
    }
    undo.move();
    return { ...this.#hold(owner, bound), published: ports, lost };
  }

  async #reserveOne(owner: PortOwner, request: PortRequest): Promise<readonly Bound[]> {
    const { protocol } = request;
    if (protocol === "sctp") {
      throw new UnsupportedError(
        `Cannot publish port ${request.containerPort}/sctp: this engine publishes tcp and udp only`,
      );
    }
    const isDefault = !request.hostAddress;
    const addresses = request.hostAddress ? [request.hostAddress] : this.#defaultAddresses;
    let clash: PublishedPort | undefined;
    for (const hostPort of this.#candidates(request)) {
      const ports = addresses.map((hostAddress) => ({
        protocol,
        containerPort: request.containerPort,
        hostAddress,
        hostPort,
      }));
      const result = await this.#bindAll(owner, ports, isDefault);
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
    mayLackIpv6: boolean,
  ): Promise<readonly Bound[] | { readonly inUse: PublishedPort }> {
    await using undo = new AsyncDisposableStack();
    const bound: Bound[] = [];
    for (const port of ports) {
      let attempt: Attempt;
      try {
        attempt = await this.#bind(owner, port);
      } catch (error) {
        const isIpv6 = port.hostAddress.includes(":");
        if (mayLackIpv6 && isIpv6 && NO_FAMILY.has(codeOf(error)) && ports.length > 1) continue;
        throw new FailedPreconditionError(
          `${this.#prefix(owner)}: failed to bind host port ${shown(port.hostAddress)}:${port.hostPort}` +
            `/${port.protocol}: ${messageOf(error)}`,
          { cause: error },
        );
      }
      if ("inUse" in attempt) return attempt;
      bound.push(attempt);
      undo.defer(() => this.#release(attempt));
    }
    undo.move();
    return bound;
  }

  async #bind(owner: PortOwner, port: PublishedPort): Promise<Attempt> {
    const attempt = await this.#tryBind(owner, port);
    if (!("inUse" in attempt)) this.#holders.set(keyOf(port), { owner, port });
    return attempt;
  }

  async #tryBind(owner: PortOwner, port: PublishedPort): Promise<Attempt> {
    const { protocol, hostAddress, hostPort } = port;
    if (tryParseIp(hostAddress)?.family !== 6) {
      const descriptor = this.#sockets.reservePort(protocol, hostAddress, hostPort);
      return descriptor === undefined ? { inUse: port } : { published: port, descriptor };
    }
    const openRelay = protocol === "tcp" ? openTcpRelay : openUdpRelay;
    const target = { address: owner.address, port: port.containerPort };
    try {
      const relay = await openRelay({ address: hostAddress, port: hostPort }, target);
      return { published: port, relay };
    } catch (error) {
      if (IN_USE.has(codeOf(error))) return { inUse: port };
      throw error;
    }
  }

  async #release(bound: Bound): Promise<void> {
    this.#holders.delete(keyOf(bound.published));
    if ("relay" in bound) await bound.relay[Symbol.asyncDispose]();
    else this.#sockets.closeDescriptor(bound.descriptor);
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

/** What names a published port on the host. */
export function keyOf(port: PublishedPort): string {
  return `${port.protocol} ${port.hostAddress} ${port.hostPort}`;
}
