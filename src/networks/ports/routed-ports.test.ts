import { expect, test } from "bun:test";
import type { PortRequest } from "#networks/networks.ts";
import { partRoutedPorts } from "./routed-ports.ts";

const WEB: PortRequest = {
  protocol: "tcp",
  containerPort: 80,
  hostPort: { first: 8080, last: 8080 },
};
const addressesFor = ({ hostAddress }: PortRequest) =>
  hostAddress ? [hostAddress] : ["0.0.0.0", "::"];
const part = (requests: readonly PortRequest[], ...routed: readonly (4 | 6)[]) =>
  partRoutedPorts(requests, new Set(routed), addressesFor);

test("partRoutedPorts() leaves wishes alone where nothing is routed", () => {
  expect(part([WEB])).toEqual({ bound: [WEB], opened: [] });
});

test("partRoutedPorts() opens a routed family's port and binds the other's", () => {
  expect(part([WEB], 6)).toEqual({
    bound: [{ ...WEB, hostAddress: "0.0.0.0" }],
    opened: [{ protocol: "tcp", containerPort: 80, hostAddress: "::", hostPort: 0 }],
  });
});

test("partRoutedPorts() takes of an address its family only, and opens a port once", () => {
  const local = { ...WEB, hostAddress: "127.0.0.1" };
  expect(part([local, WEB, { ...WEB, hostAddress: "::1" }], 4, 6)).toEqual({
    bound: [],
    opened: [
      { protocol: "tcp", containerPort: 80, hostAddress: "0.0.0.0", hostPort: 0 },
      { protocol: "tcp", containerPort: 80, hostAddress: "::", hostPort: 0 },
    ],
  });
});
