import type { EndpointResource, NetworkInspect } from "@docker/node-sdk";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { formatRfc3339 } from "#base/rfc3339.ts";
import type { AddressPoolRecord, Endpoint, NetworkRecord } from "#networks/networks.ts";
import {
  type Filters,
  filterValues,
  matchesExactly,
  matchesPrefix,
  parseFilters,
} from "#spec/engine-api/filters.ts";
import { type ApiVersion, isAtLeast } from "#spec/engine-api/version.ts";
import { readRequiredJsonBody } from "#api/body.ts";
import { pathPart, sendJson, sendStatus } from "#api/exchange.ts";
import { type Route, answer } from "#api/router.ts";
import type { Wire } from "#api/wire.ts";
import type { NetworksBackend } from "./backend.ts";
import { readConnectRequest, readDisconnectRequest, readNetworkRequest } from "./requests.ts";

const LIST_FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"] as const;
const PRUNE_FILTERS = ["label", "label!", "until"] as const;
const PREDEFINED: ReadonlySet<string> = new Set(["bridge", "host", "none"]);

export function networkToWire(network: NetworkRecord): Wire<NetworkInspect> {
  // as docker has it: those that somebody chose come first
  const isChosen = ({ isUserChosen = false }: AddressPoolRecord): number => Number(isUserChosen);
  const sorted = network.pools.toSorted((a, b) => isChosen(b) - isChosen(a));
  const pools = sorted.map((pool) => ({
    Subnet: pool.subnet,
    ...(pool.ipRange === undefined ? {} : { IPRange: pool.ipRange }),
    ...(pool.gateway === "" ? {} : { Gateway: pool.gateway }),
    ...(pool.auxiliary === undefined ? {} : { AuxiliaryAddresses: pool.auxiliary }),
  }));
  return {
    Name: network.name,
    Id: network.id,
    Created: formatRfc3339(BigInt(Math.trunc(network.createdMs)) * 1_000_000n),
    Scope: network.scope ?? "local",
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: network.ipamDriver ?? "default",
      Options: PREDEFINED.has(network.name) ? null : (network.ipamOptions ?? {}),
      Config: pools.length > 0 ? pools : PREDEFINED.has(network.name) ? null : [],
    },
    Internal: network.internal,
    Attachable: network.attachable ?? false,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? "" },
    ConfigOnly: network.configOnly ?? false,
    Options: network.options,
    Labels: network.labels,
  };
}

function endpointToWire(endpoint: Endpoint, name: string): Wire<EndpointResource> {
  const cidr = (address: string | undefined, bits: number | undefined): string =>
    address === undefined || address === "" ? "" : `${address}/${bits ?? 0}`;
  return {
    Name: name,
    EndpointID: endpoint.id,
    MacAddress: endpoint.macAddress,
    IPv4Address: cidr(endpoint.ipAddress, endpoint.prefixLength),
    IPv6Address: cidr(endpoint.ipv6Address, endpoint.ipv6PrefixLength),
  };
}

function hasLabels(network: NetworkRecord, wanted: readonly string[]): boolean {
  return wanted.every((text) => {
    const [name = "", ...value] = text.split("=");
    if (!Object.hasOwn(network.labels, name)) return false;
    return value.length === 0 || network.labels[name] === value.join("=");
  });
}

export function matchesNetworkFilters(network: NetworkRecord, filters: Filters): boolean {
  const names = filterValues(filters, "name");
  for (const wanted of filterValues(filters, "type")) {
    if (wanted !== "builtin" && wanted !== "custom") {
      throw new InvalidArgumentError(`invalid filter: 'type'='${wanted}'`);
    }
  }
  const type = PREDEFINED.has(network.name) ? "builtin" : "custom";
  return (
    matchesExactly(filters, "driver", network.driver) &&
    matchesPrefix(filters, "id", network.id) &&
    matchesExactly(filters, "scope", network.scope ?? "local") &&
    matchesExactly(filters, "type", type) &&
    (names.length === 0 || names.some((name) => network.name.includes(name))) &&
    hasLabels(network, filterValues(filters, "label"))
  );
}

/** Before API 1.52 the rows of the list had the fields of inspect, with no container in them. */
function rowToWire(network: NetworkRecord, version: ApiVersion): Wire<NetworkInspect> {
  const row = networkToWire(network);
  return isAtLeast(version, "1.52") ? row : { ...row, Containers: {} };
}

/** Everything below `/networks`. */
export function networkRoutes(networks: NetworksBackend): readonly Route[] {
  const isDangling = (network: NetworkRecord): boolean =>
    !PREDEFINED.has(network.name) && networks.endpointsOf(network.id).length === 0;
  return [
    answer("GET", "/networks", (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), LIST_FILTERS);
      const found = networks
        .list()
        .filter((network) => matchesNetworkFilters(network, filters))
        .filter((network) => {
          const wanted = filterValues(filters, "dangling");
          return wanted.length === 0 || wanted.includes(String(isDangling(network)));
        });
      sendJson(
        exchange,
        200,
        found.map((network) => rowToWire(network, exchange.version)),
      );
    }),
    answer("POST", "/networks/create", async (exchange) => {
      const body = await readRequiredJsonBody(exchange.request);
      const { id } = await networks.create(readNetworkRequest(body));
      sendJson(exchange, 201, { Id: id, Warning: "" });
    }),
    answer("DELETE", "/networks/{id}", async (exchange) => {
      await networks.remove(pathPart(exchange, "id"));
      sendStatus(exchange, 204);
    }),
    answer("POST", "/networks/{id}/connect", async (exchange) => {
      const body = await readRequiredJsonBody(exchange.request);
      await networks.connect(pathPart(exchange, "id"), readConnectRequest(body));
      sendStatus(exchange, 200);
    }),
    answer("POST", "/networks/{id}/disconnect", async (exchange) => {
      const body = await readRequiredJsonBody(exchange.request);
      await networks.disconnect(pathPart(exchange, "id"), readDisconnectRequest(body));
      sendStatus(exchange, 200);
    }),
    answer("POST", "/networks/prune", async (exchange) => {
      const filters = parseFilters(exchange.query.get("filters"), PRUNE_FILTERS);
      const names = await networks.prune(filters);
      sendJson(exchange, 200, { NetworksDeleted: names.length === 0 ? null : names });
    }),
    answer("GET", "/networks/{id}", async (exchange) => {
      const reference = pathPart(exchange, "id");
      exchange.query.boolean("verbose"); // tells of services and tasks, which a local network has none of
      const scope = exchange.query.get("scope") ?? "";
      if (!["", "local"].includes(scope)) throw new NotFoundError(`network ${reference} not found`);
      const network = networks.resolve(reference);
      const containers: Record<string, Wire<EndpointResource>> = {};
      for (const { containerId, endpoint } of networks.endpointsOf(network.id)) {
        const name = await networks.containerName(containerId);
        containers[containerId] = endpointToWire(endpoint, name);
      }
      sendJson(exchange, 200, {
        ...networkToWire(network),
        Containers: containers,
      });
    }),
  ];
}
