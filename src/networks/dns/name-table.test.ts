import { expect, test } from "bun:test";
import { parseNetworkId } from "#spec/ids.ts";
import { NameTable } from "./name-table.ts";

const WEB = parseNetworkId("a".repeat(64));
const BACK = parseNetworkId("b".repeat(64));

test("NameTable answers names of one network only, without case, and addresses back", () => {
  const table = new NameTable();
  table.put(WEB, { containerId: "1", addresses: ["10.0.0.2"], names: ["Web", "www"] });
  table.put(WEB, { containerId: "2", addresses: ["10.0.0.3", "fd00::3"], names: ["api", "www"] });
  expect(table.addressesOf(WEB, "WEB")).toEqual(["10.0.0.2"]);
  expect(table.addressesOf(WEB, "www")).toEqual(["10.0.0.2", "10.0.0.3", "fd00::3"]);
  expect(table.addressesOf(BACK, "web")).toEqual([]);
  expect(table.nameOf(WEB, "fd00::3")).toBe("api");
  table.put(WEB, { containerId: "1", addresses: ["10.0.0.2"], names: ["front"] });
  expect(table.addressesOf(WEB, "web")).toEqual([]);
  table.remove(WEB, "2");
  expect(table.addressesOf(WEB, "www")).toEqual([]);
});
