import { describe, expect, test } from "bun:test";
import type { PublishedPort } from "#networks/networks.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import { planPortChange } from "./change-ports.ts";

const ALL = ["0.0.0.0", "::"];

function published(hostPort: number, containerPort = 80, addresses = ALL): PublishedPort[] {
  return addresses.map((hostAddress) => ({
    protocol: "tcp",
    containerPort,
    hostAddress,
    hostPort,
  }));
}

function record(PortBindings: object, NetworkMode = "bridge") {
  return parseContainerCreate({ Image: "x", HostConfig: { PortBindings, NetworkMode } });
}

const binding = (HostPort = "", HostIp = "") => ({ HostIp, HostPort });

describe("planPortChange()", () => {
  test("takes away one host port of two, with all its addresses", () => {
    const before = record({ "80/tcp": [binding("8080"), binding("8081")] });
    const open = [...published(8080), ...published(8081)];
    const change = { add: {}, remove: { "80/tcp": [binding("8080")] } };
    expect(planPortChange(before, open, change)).toEqual({
      bindings: { "80/tcp": [binding("8081")] },
      remove: published(8080),
      add: [],
    });
  });

  test("finds the binding that gave a free port, and one address of several", () => {
    const before = record({ "80/tcp": [binding(), binding("9000-9009")] });
    const open = [...published(32768), ...published(9003)];
    const plan = (spec: ReturnType<typeof binding>) =>
      planPortChange(before, open, { add: {}, remove: { "80/tcp": [spec] } });
    expect(plan(binding("9003")).bindings).toEqual({ "80/tcp": [binding("9000-9009")] });
    expect(plan(binding("32768")).bindings).toEqual({ "80/tcp": [binding("9000-9009")] });
    expect(plan(binding("9000-9009"))).toMatchObject({
      bindings: { "80/tcp": [binding()] },
      remove: published(9003),
    });
    const local = record({ "80/tcp": [binding("80", "127.0.0.1"), binding("80", "::1")] });
    const addresses = published(80, 80, ["127.0.0.1", "::1"]);
    const change = { add: {}, remove: { "80/tcp": [binding("", "0:0:0:0:0:0:0:1")] } };
    expect(planPortChange(local, addresses, change)).toEqual({
      bindings: { "80/tcp": [binding("80", "127.0.0.1")] },
      remove: published(80, 80, ["::1"]),
      add: [],
    });
  });

  test("asks for new ports and changes a stopped container's bindings alone", () => {
    const change = { add: { "53/udp": [binding("5353")], "80/tcp": [] }, remove: {} };
    expect(planPortChange(record({}), [], change)).toEqual({
      bindings: { "53/udp": [binding("5353")], "80/tcp": [binding()] },
      remove: [],
      add: [
        { protocol: "udp", containerPort: 53, hostPort: { first: 5353, last: 5353 } },
        { protocol: "tcp", containerPort: 80, hostPort: 0 },
      ],
    });
  });

  test("refuses what is not published, and networks that publish nothing", () => {
    const remove = { "80/tcp": [binding("8081")] };
    expect(() => planPortChange(record({}), published(8080), { add: {}, remove })).toThrow(
      "port 8081:80/tcp is not published",
    );
    const add = { "80/tcp": [] };
    expect(() => planPortChange(record({}, "container:abc"), [], { add, remove: {} })).toThrow(
      "it shares the network of container abc: publish ports there",
    );
  });
});
