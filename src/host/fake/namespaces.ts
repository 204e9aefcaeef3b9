import type { IdMappings } from "#base/id-mappings.ts";
import type { Namespaces, UserNamespace } from "#host/namespaces.ts";
import type { FakeNetworks } from "./network-state.ts";

export class FakeNamespaces implements Namespaces {
  readonly #networks: FakeNetworks;
  /** Pins that `inNetwork` was called with, in order. */
  readonly entered: string[] = [];

  constructor(options: { readonly networks: FakeNetworks }) {
    this.#networks = options.networks;
  }

  createNetwork(path: string): void {
    this.#networks.add(path);
  }

  async openUser(
    _mappings: IdMappings,
    options: { readonly networkPath?: string } = {},
  ): Promise<UserNamespace> {
    if (options.networkPath !== undefined) this.#networks.add(options.networkPath);
    return { path: "/proc/self/ns/user", [Symbol.dispose]: () => undefined };
  }

  removeNetwork(path: string): boolean {
    return this.#networks.remove(path);
  }

  /** Runs `work` where it is: sockets that it opens are the real host's. */
  inNetwork<T>(path: string, work: () => T): T {
    this.#networks.at(path);
    this.entered.push(path);
    return work();
  }

  inodeOf(path: string): number {
    return this.#networks.at(path).inode;
  }
}
