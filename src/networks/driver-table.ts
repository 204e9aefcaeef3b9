import type { NetworkDriver, NetworkDrivers } from "./driver.ts";
import type { NetworkRecord } from "./networks.ts";

/** The drivers that the engine has, by name; what has another is a plugin's. */
export class DriverTable implements NetworkDrivers {
  readonly #builtIn: ReadonlyMap<string, NetworkDriver>;
  readonly #remote: NetworkDriver;

  constructor(builtIn: Readonly<Record<string, NetworkDriver>>, remote: NetworkDriver) {
    this.#builtIn = new Map(Object.entries(builtIn));
    this.#remote = remote;
  }

  of({ driver }: Pick<NetworkRecord, "driver">): NetworkDriver {
    return this.#builtIn.get(driver) ?? this.#remote;
  }
}
