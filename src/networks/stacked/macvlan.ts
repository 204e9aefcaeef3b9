import {
  FailedPreconditionError,
  InvalidArgumentError,
  PermissionDeniedError,
} from "#base/errors.ts";
import type { MacvlanMode } from "#host/netlink.ts";
import { mtuOf } from "#networks/bridge/bridge-options.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { StackedKind } from "./stacked-driver.ts";

const MODES: readonly MacvlanMode[] = ["bridge", "private", "vepa", "passthru"];

function modeOf({ options }: Pick<NetworkRecord, "options">): MacvlanMode {
  const mode = MODES.find((one) => one === (options["macvlan_mode"] || "bridge"));
  if (mode) return mode;
  throw new InvalidArgumentError(
    `requested macvlan mode '${options["macvlan_mode"]}' is not valid, 'bridge' mode is the macvlan driver default`,
  );
}

/** Each container is a machine of its own on the parent's network, by its MAC address. */
export const MACVLAN: StackedKind = {
  driver: "macvlan",
  prefix: "dm-",
  kernelOption: "CONFIG_MACVLAN",
  check(network, sharing, parent) {
    const mode = modeOf(network);
    for (const other of sharing) {
      if (mode === "passthru") {
        throw new PermissionDeniedError(
          `cannot use mode passthru, macvlan network ${other.name} is already using parent interface ${parent}`,
        );
      }
      if (modeOf(other) === "passthru") {
        throw new PermissionDeniedError(
          `macvlan network ${other.name} is already using parent interface ${parent} in mode passthru`,
        );
      }
    }
  },
  plan: (_network, endpoint) => endpoint,
  link: (network, { macAddress }, place) => ({
    kind: "add-macvlan",
    ...place,
    mode: modeOf(network),
    macAddress,
    ...mtuOf(network),
  }),
  isRoutedByDevice: () => false,
  explain(network, error) {
    if (modeOf(network) !== "passthru" || !(error instanceof FailedPreconditionError)) return error;
    return new FailedPreconditionError(
      `Cannot connect to network "${network.name}": in mode passthru one container has the parent for itself`,
      { cause: error },
    );
  },
};
