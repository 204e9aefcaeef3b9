import { existsSync } from "node:fs";
import { invariant, NotFoundError, UnsupportedError } from "#base/errors.ts";
import type { Namespaces } from "#host/namespaces.ts";
import type { LinkOp, Netlink } from "#host/netlink.ts";
import { checkMtu } from "#networks/bridge/bridge-options.ts";
import type {
  EndpointRecord,
  EndpointRequest,
  NetworkDriver,
  NetworkRules,
} from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { OwnDevices } from "#networks/own-devices.ts";
import { plannedEndpoint } from "#networks/planned-endpoint.ts";
import { setUpInterface } from "#networks/set-up-interface.ts";
import { Parents } from "./parents.ts";

export interface StackedPlace {
  readonly name: string;
  readonly parent: string;
  readonly namespacePath: string;
}

/** What tells one driver of stacked devices from another. */
export interface StackedKind {
  /** The driver's name and the kernel's. */
  readonly driver: "macvlan" | "ipvlan";
  /** Of devices that stand for a parent. */
  readonly prefix: string;
  /** For messages: what the kernel is to be built with. */
  readonly kernelOption: string;
  /**
   * @param sharing Networks of the driver on the same parent.
   * @throws {InvalidArgumentError} {PermissionDeniedError} With Docker's texts.
   */
  check(network: NetworkRecord, sharing: readonly NetworkRecord[], parent: string): void;
  /** What the kind makes of an endpoint that is planned. */
  plan(network: NetworkRecord, endpoint: EndpointRecord, request: EndpointRequest): EndpointRecord;
  link(network: NetworkRecord, endpoint: EndpointRecord, place: StackedPlace): LinkOp;
  /** Whether all goes out by the device itself, no gateway being asked for the way. */
  isRoutedByDevice(network: NetworkRecord): boolean;
  /** Why the kernel refuses the link, where it does not say so itself. */
  explain(network: NetworkRecord, error: unknown): unknown;
}

/**
 * Containers that share a device of the host, each with one of its own on top: macvlan and ipvlan. There is nothing
 * on the host's side but the parent, and the host itself does not see them.
 */
export class StackedDriver implements NetworkDriver {
  readonly hasAddresses = true;
  readonly #kind: StackedKind;
  readonly #netlink: Netlink;
  readonly #namespaces: Namespaces;
  readonly #parents: Parents;

  constructor(
    kind: StackedKind,
    options: {
      readonly netlink: Netlink;
      readonly namespaces: Namespaces;
      readonly devices: OwnDevices;
    },
  ) {
    this.#kind = kind;
    this.#netlink = options.netlink;
    this.#namespaces = options.namespaces;
    this.#parents = new Parents({ ...options, prefix: kind.prefix });
  }

  /** @throws {UnsupportedError} The kernel lacks the driver. Others as `StackedKind.check` and `Parents.check`. */
  checkCreate(network: NetworkRecord, others: readonly NetworkRecord[]): void {
    const { driver, kernelOption } = this.#kind;
    const parent = this.#parents.nameFor(network);
    const sharing = others.filter(
      (other) =>
        other.driver === driver && !other.configOnly && this.#parents.nameFor(other) === parent,
    );
    checkMtu(network.options);
    this.#kind.check(network, sharing, parent);
    if (!this.#netlink.hasKind(driver)) {
      throw new UnsupportedError(
        `Cannot make network "${network.name}": this kernel has no ${driver} devices (${kernelOption})`,
      );
    }
    this.#parents.check(network);
  }

  bringUp(network: NetworkRecord): void {
    this.#parents.bringUp(network);
  }

  async takeDown(network: NetworkRecord, others: readonly NetworkRecord[]): Promise<void> {
    await this.#parents.takeDown(network, others);
  }

  rules(): NetworkRules | undefined {
    return undefined;
  }

  hostDevices(network: NetworkRecord): readonly string[] {
    return [this.#parents.nameFor(network)];
  }

  planEndpoint(network: NetworkRecord, request: EndpointRequest): EndpointRecord {
    const endpoint = { ...plannedEndpoint(network, request), hasNoPorts: true } as const;
    return this.#kind.plan(network, endpoint, request);
  }

  /** The device is where it was, or went with its parent: `isEndpointAttached` says so. */
  restoreEndpoint(): void {}

  attachEndpoint(
    network: NetworkRecord,
    endpoint: EndpointRecord,
    namespacePath: string,
    routes: readonly (4 | 6)[],
  ): void {
    const { interfaceName: name } = endpoint;
    invariant(name, "a stacked endpoint has a device");
    const parent = this.#parents.nameFor(network);
    try {
      this.#netlink.apply([this.#kind.link(network, endpoint, { name, parent, namespacePath })]);
    } catch (error) {
      throw this.#kind.explain(network, error);
    }
    const place = { namespacePath, name };
    setUpInterface(
      { netlink: this.#netlink, namespaces: this.#namespaces },
      endpoint,
      place,
      routes,
    );
    if (this.#kind.isRoutedByDevice(network)) this.#routeByDevice(endpoint, place);
  }

  /** Unless somebody gives the way out already. */
  #routeByDevice(
    endpoint: EndpointRecord,
    { namespacePath, name }: { readonly namespacePath: string; readonly name: string },
  ): void {
    const had = this.#netlink.routes(namespacePath);
    const families = [
      ...(endpoint.ipAddress === "" ? [] : [4 as const]),
      ...(endpoint.ipv6Address === undefined ? [] : [6 as const]),
    ];
    const ops = families
      .filter(
        (family) =>
          !had.some((route) => route.destination === "default" && route.family === family),
      )
      .map((family): LinkOp => {
        const destination = family === 4 ? "0.0.0.0/0" : "::/0";
        return { kind: "add-route", destination, name };
      });
    if (ops.length > 0) this.#netlink.apply(ops, namespacePath);
  }

  isEndpointAttached(
    { interfaceName }: EndpointRecord,
    namespacePath: string | undefined,
  ): boolean {
    if (!interfaceName || namespacePath === undefined || !existsSync(namespacePath)) return false;
    return this.#netlink.link(interfaceName, namespacePath)?.kind === this.#kind.driver;
  }

  isEndpointReady(): boolean {
    return true;
  }

  /** There is nothing to cut but the device itself: until it is gone it answers for its address. */
  async detachEndpoint(endpoint: EndpointRecord, namespacePath: string | undefined): Promise<void> {
    const { interfaceName: name } = endpoint;
    if (!name || namespacePath === undefined) return;
    if (!this.isEndpointAttached(endpoint, namespacePath)) return;
    try {
      await this.#netlink.deleteLink(name, namespacePath);
    } catch (error) {
      if (!(error instanceof NotFoundError)) throw error; // its namespace ended meanwhile
    }
  }
}
