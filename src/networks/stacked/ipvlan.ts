import { InvalidArgumentError, PermissionDeniedError } from "#base/errors.ts";
import type { IpvlanIsolation, IpvlanMode } from "#host/netlink.ts";
import { mtuOf } from "#networks/bridge/bridge-options.ts";
import type { NetworkRecord } from "#networks/networks.ts";
import type { StackedKind } from "./stacked-driver.ts";

const MODES: readonly IpvlanMode[] = ["l2", "l3", "l3s"];
const ISOLATIONS: readonly IpvlanIsolation[] = ["bridge", "private", "vepa"];

type WithOptions = Pick<NetworkRecord, "options">;

function modeOf({ options }: WithOptions): IpvlanMode {
  const mode = MODES.find((one) => one === (options["ipvlan_mode"] || "l2"));
  if (mode) return mode;
  throw new InvalidArgumentError(
    `requested ipvlan mode '${options["ipvlan_mode"]}' is not valid, 'l2' mode is the ipvlan driver default`,
  );
}

function isolationOf({ options }: WithOptions): IpvlanIsolation {
  const flag = ISOLATIONS.find((one) => one === (options["ipvlan_flag"] || "bridge"));
  if (flag) return flag;
  throw new InvalidArgumentError(
    `requested ipvlan flag '${options["ipvlan_flag"]}' is not valid, 'bridge' is the ipvlan driver default`,
  );
}

/** Containers have the parent's MAC address and are told apart by their IP addresses; in l3 the parent routes. */
export const IPVLAN: StackedKind = {
  driver: "ipvlan",
  prefix: "di-",
  kernelOption: "CONFIG_IPVLAN",
  check(network, [other], parent) {
    modeOf(network);
    isolationOf(network);
    if (!other) return;
    throw new PermissionDeniedError(
      `network ${other.name} is already using parent interface ${parent}`,
    );
  },
  plan(network, endpoint, request) {
    if (request.macAddress !== undefined) {
      throw new InvalidArgumentError(
        "ipvlan interfaces do not support custom mac address assignment",
      );
    }
    const plain = { ...endpoint, macAddress: "" };
    if (modeOf(network) === "l2") return plain;
    return {
      ...plain,
      gateway: "",
      ...(plain.ipv6Gateway === undefined ? {} : { ipv6Gateway: "" }),
    };
  },
  link: (network, _endpoint, place) => ({
    kind: "add-ipvlan",
    ...place,
    mode: modeOf(network),
    isolation: isolationOf(network),
    ...mtuOf(network),
  }),
  isRoutedByDevice: (network) => modeOf(network) !== "l2" && !network.internal,
  explain: (_network, error) => error,
};
