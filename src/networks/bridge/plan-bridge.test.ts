import { describe, expect, test } from "bun:test";
import type { LinkState } from "#host/netlink.ts";
import { aliasOf } from "#networks/own-devices.ts";
import { type BridgeState, planBridge } from "./plan-bridge.ts";

const OWN = aliasOf("engine-a");
const WANT = { name: "wharf0", gatewayCidr: "172.17.0.1/16", mtuBytes: 1500, alias: OWN };

function state(link: Partial<LinkState>, ...cidrs: string[]): BridgeState {
  return {
    link: {
      index: 7,
      name: "wharf0",
      kind: "bridge",
      macAddress: "",
      mtuBytes: 1500,
      isUp: true,
      ...link,
    },
    addresses: cidrs.map((cidr) => ({
      linkIndex: 7,
      cidr,
      scope: cidr.startsWith("fe80") ? "link" : "global",
    })),
  };
}

describe("planBridge()", () => {
  test("makes the bridge, gives it its address and sets it up", () => {
    expect(planBridge(WANT, { link: undefined, addresses: [] })).toEqual([
      { kind: "add-bridge", name: "wharf0", alias: OWN, mtuBytes: 1500 },
      { kind: "add-address", name: "wharf0", cidr: "172.17.0.1/16" },
      { kind: "set-up", name: "wharf0" },
    ]);
  });

  test("does nothing when all is there", () => {
    expect(planBridge(WANT, state({ alias: OWN }, "172.17.0.1/16", "fe80::1/64"))).toEqual([]);
  });

  test("puts its own bridge right", () => {
    expect(
      planBridge(
        WANT,
        state({ alias: OWN, isUp: false, mtuBytes: 1400 }, "10.0.0.1/24", "fd00::1/64"),
      ),
    ).toEqual([
      { kind: "delete-address", name: "wharf0", cidr: "10.0.0.1/24" },
      { kind: "delete-address", name: "wharf0", cidr: "fd00::1/64" },
      { kind: "set-mtu", name: "wharf0", mtuBytes: 1500 },
      { kind: "add-address", name: "wharf0", cidr: "172.17.0.1/16" },
      { kind: "set-up", name: "wharf0" },
    ]);
  });

  test("leaves the other addresses and the MTU of somebody else's bridge alone", () => {
    expect(planBridge(WANT, state({ mtuBytes: 9000 }, "10.0.0.1/24", "172.17.0.1/16"))).toEqual([]);
  });

  test("refuses another engine's bridge and what is no bridge", () => {
    expect(() => planBridge(WANT, state({ alias: aliasOf("engine-b") }))).toThrow(
      'Cannot use bridge "wharf0": it belongs to another Wharf engine (engine-b)',
    );
    expect(() => planBridge(WANT, state({ kind: "dummy" }))).toThrow("it is a dummy");
  });
});
