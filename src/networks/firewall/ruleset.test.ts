import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { elementText } from "./nft-text.ts";
import { planPortChange, renderRuleset, tableNameOf } from "./ruleset.ts";

const ENGINE = "5f0c1b2d-aaaa-bbbb-cccc-ddddeeeeffff";
const WEB = {
  protocol: "tcp",
  hostAddress: "0.0.0.0",
  hostPort: 8080,
  containerAddress: "172.17.0.2",
  containerPort: 80,
} as const;
const DNS = {
  ...WEB,
  protocol: "udp",
  hostAddress: "127.0.0.1",
  hostPort: 53,
  containerPort: 53,
} as const;

const NAT = { mode: "nat", masquerade: true } as const;

/** Refreshed by WHARF_UPDATE_TESTDATA=1. */
async function expectFile(name: string, text: string): Promise<void> {
  const path = join(import.meta.dir, "testdata", name);
  if (Bun.env["WHARF_UPDATE_TESTDATA"]) await Bun.write(path, text);
  expect(text).toBe(await Bun.file(path).text());
}

describe("renderRuleset()", () => {
  test("writes a bridge with published ports, and an internal one without inter-container traffic", async () => {
    const text = renderRuleset({
      table: tableNameOf(ENGINE),
      engineId: ENGINE,
      networks: [
        {
          key: "aaaaaaaaaaaa",
          bridgeName: "wharf0",
          subnets: ["172.17.0.0/16", "fd00::/64"],
          ipv4: NAT,
          ipv6: NAT,
          trustedDevices: [],
          interContainer: true,
          internal: false,
        },
        {
          key: "bbbbbbbbbbbb",
          bridgeName: "br-bbbbbbbbbbbb",
          subnets: ["172.18.0.0/16"],
          ipv4: NAT,
          ipv6: NAT,
          trustedDevices: [],
          interContainer: false,
          internal: true,
        },
      ],
      ports: [WEB, DNS],
    });
    await expectFile("two-networks.nft", text);
  });

  test("writes networks of every gateway mode, with direct routing to published ports", async () => {
    const plain = { interContainer: true, internal: false, trustedDevices: [] };
    const text = renderRuleset({
      table: "wharf_x",
      engineId: "x",
      isRoutedDirectly: true,
      dataRoot: "/var/lib/wharf",
      networks: [
        {
          ...plain,
          key: "aa",
          bridgeName: "br-aa",
          subnets: ["10.1.0.0/24", "fd00:1::/64"],
          ipv4: { ...NAT, sourceAddress: "192.0.2.7" },
          ipv6: { mode: "routed", masquerade: false },
          trustedDevices: ["eth1", "wg0"],
        },
        {
          ...plain,
          key: "bb",
          bridgeName: "br-bb",
          subnets: ["10.2.0.0/24"],
          ipv4: { mode: "nat-unprotected", masquerade: false },
          ipv6: NAT,
        },
        {
          ...plain,
          key: "cc",
          bridgeName: "br-cc",
          subnets: ["10.3.0.0/24"],
          internal: true,
          ipv4: { mode: "isolated", masquerade: false },
          ipv6: { mode: "isolated", masquerade: false },
        },
      ],
      ports: [
        { ...WEB, containerAddress: "10.1.0.2" },
        { ...WEB, containerAddress: "10.1.0.2", hostPort: 8081 },
        { ...WEB, containerAddress: "fd00:1::2", hostAddress: "::", hostPort: 0 },
      ],
    });
    await expectFile("gateway-modes.nft", text);
  });

  test("writes an empty table without empty element lists", async () => {
    const text = renderRuleset({ table: "wharf_x", engineId: "x", networks: [], ports: [] });
    await expectFile("empty.nft", text);
  });
});

describe("planPortChange()", () => {
  test("deletes before it adds, one step for each map", () => {
    const other = { ...WEB, hostPort: 8081 };
    const ops = planPortChange({
      add: [WEB, DNS],
      remove: [other, WEB],
      opened: [DNS],
      closed: [],
    });
    expect(ops.map((op) => [op.kind, "set" in op ? op.set : ""])).toEqual([
      ["delete-elements", "published_any"],
      ["add-elements", "published_any"],
      ["add-elements", "published_at"],
      ["add-elements", "direct"],
    ]);
    expect(ops.map((op) => ("elements" in op ? op.elements.map(elementText) : []))).toEqual([
      ["tcp . 8081 : 172.17.0.2 . 80", "tcp . 8080 : 172.17.0.2 . 80"],
      ["tcp . 8080 : 172.17.0.2 . 80"],
      ["127.0.0.1 . udp . 53 : 172.17.0.2 . 53"],
      ["172.17.0.2 . udp . 53"],
    ]);
  });
});

test("tableNameOf() takes eight letters and digits of the engine's id", () => {
  expect(tableNameOf("5F0C-1B2D-aa")).toBe("wharf_5f0c1b2d");
});
