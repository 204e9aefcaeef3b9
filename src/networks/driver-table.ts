import { NotFoundError } from "#base/errors.ts";
import type { NetworkDriver, NetworkDrivers } from "./driver.ts";
import type { NetworkRecord } from "./networks.ts";

/** The drivers that the engine has, by name. */
export class DriverTable implements NetworkDrivers {
  readonly #builtIn: ReadonlyMap<string, NetworkDriver>;

  constructor(builtIn: Readonly<Record<string, NetworkDriver>>) {
    this.#builtIn = new Map(Object.entries(builtIn));
  }

  /** @throws {NotFoundError} With Docker's text. */
  of({ driver }: Pick<NetworkRecord, "driver">): NetworkDriver {
    const found = this.#builtIn.get(driver);
    if (!found) throw new NotFoundError(`plugin ${JSON.stringify(driver)} not found`);
    return found;
  }
}
