import { NotFoundError } from "#base/errors.ts";
import type { VolumeDrivers } from "#volumes/driver.ts";

/** A host without volume plugins. */
export const NO_VOLUME_PLUGINS: VolumeDrivers = {
  get: async (name) => {
    throw new NotFoundError(`plugin ${JSON.stringify(name)} not found`);
  },
  list: async () => ({ drivers: [], warnings: [] }),
};
