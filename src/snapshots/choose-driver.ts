import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";

/** All drivers, in the order in which one is looked for. */
export const SNAPSHOT_DRIVERS = ["overlay2", "fuse-overlayfs", "btrfs", "vfs"] as const;

export type SnapshotDriver = (typeof SNAPSHOT_DRIVERS)[number];

export interface DriverChoice {
  readonly driver: SnapshotDriver;
  /** A sentence for each driver that would have come before, and why it cannot be. */
  readonly passedOver: readonly string[];
}

/**
 * The driver for a data root: the one that was asked for, else the one whose layers are there already, else
 * the first that works. Layers of one driver mean nothing to another, so a root belongs to one.
 *
 * @param request.asked `--storage-driver`; absent: any.
 * @param request.prior Drivers whose folders in the data root hold layers.
 * @param request.refusalOf Why a driver cannot be used on this data root; undefined when it can.
 * @throws {InvalidArgumentError} No such driver. {FailedPreconditionError} It cannot be used here, or the
 *   data root is another driver's, or several drivers'.
 */
export function chooseDriver(request: {
  readonly dataRoot: string;
  readonly asked?: string;
  readonly prior: readonly SnapshotDriver[];
  readonly refusalOf: (driver: SnapshotDriver) => string | undefined;
}): DriverChoice {
  const { asked, prior, refusalOf, dataRoot } = request;
  const [first, second] = prior;
  if (asked !== undefined) {
    const driver = SNAPSHOT_DRIVERS.find((name) => name === asked);
    if (!driver) {
      throw new InvalidArgumentError(
        `error initializing graphdriver: driver not supported: ${asked}; this release has ${SNAPSHOT_DRIVERS.join(", ")}`,
      );
    }
    if (first !== undefined && !prior.includes(driver)) {
      throw new FailedPreconditionError(
        `error initializing graphdriver: ${dataRoot} holds the layers of storage driver ${prior.join(", ")}, which ${driver} cannot read; ` +
          `start with --storage-driver ${first}, or use another --data-root`,
      );
    }
    checkUsable(driver, dataRoot, refusalOf);
    return { driver, passedOver: [] };
  }
  if (first !== undefined && second !== undefined) {
    throw new FailedPreconditionError(
      `error initializing graphdriver: ${dataRoot} contains several valid graphdrivers: ${prior.join(", ")}; cleanup or explicitly choose storage driver (-s <DRIVER>)`,
    );
  }
  if (first !== undefined) {
    checkUsable(first, dataRoot, refusalOf);
    return { driver: first, passedOver: [] };
  }
  const passedOver: string[] = [];
  for (const driver of SNAPSHOT_DRIVERS) {
    const refusal = refusalOf(driver);
    if (refusal === undefined) return { driver, passedOver };
    passedOver.push(`Cannot use storage driver ${driver} on ${dataRoot}: ${refusal}`);
  }
  throw new FailedPreconditionError(passedOver.join("; "));
}

function checkUsable(
  driver: SnapshotDriver,
  dataRoot: string,
  refusalOf: (driver: SnapshotDriver) => string | undefined,
): void {
  const refusal = refusalOf(driver);
  if (refusal === undefined) return;
  throw new FailedPreconditionError(
    `error initializing graphdriver: Cannot use storage driver ${driver} on ${dataRoot}: ${refusal}`,
  );
}
