import { InternalError } from "#base/errors.ts";
import type { Host } from "#host/host.ts";
import type { Collection, Store } from "#store/store.ts";

/** What every action ends with once the daemon has died. */
export class DeathError extends InternalError {}

/**
 * A host and a store for a daemon that is killed after a number of actions: from then on nothing that it tries to do,
 * tidying up included, comes about. What it looks at it sees.
 */
export class Mortal {
  /** Actions that are still carried out. */
  left: number = Number.POSITIVE_INFINITY;

  get isDead(): boolean {
    return this.left < 0;
  }

  #act<T>(work: () => T): T {
    this.left -= 1;
    if (this.left < 0) throw new DeathError("killed");
    return work();
  }

  #wrap<T extends object>(thing: T, actions: readonly string[]): T {
    return new Proxy(thing, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        const call = (...args: readonly unknown[]): unknown =>
          Reflect.apply(value as (...list: readonly unknown[]) => unknown, target, args);
        if (!actions.includes(String(key))) return call;
        return (...args: readonly unknown[]) => this.#act(() => call(...args));
      },
    });
  }

  host(host: Host): Host {
    return {
      ...host,
      netlink: this.#wrap(host.netlink, ["apply", "applyAside", "deleteLink"]),
      namespaces: this.#wrap(host.namespaces, ["createNetwork", "removeNetwork"]),
      nft: this.#wrap(host.nft, ["run", "change"]),
    };
  }

  store(store: Store): Store {
    const collections = new Map<object, Collection<unknown>>();
    return new Proxy(store, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        return (...args: readonly unknown[]) => {
          const result: unknown = Reflect.apply(
            value as (...list: readonly unknown[]) => unknown,
            target,
            args,
          );
          if (key !== "collection") return result;
          const collection = result as Collection<unknown>;
          const wrapped = collections.get(collection) ?? this.#wrap(collection, ["put", "delete"]);
          collections.set(collection, wrapped);
          return wrapped;
        };
      },
    });
  }
}
