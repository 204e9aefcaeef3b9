import { InvalidArgumentError, UnavailableError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { NetworkRequest, PoolRequest } from "#networks/networks.ts";
import {
  type EndpointSettings,
  EMPTY_ENDPOINT,
  readEndpointSettings,
} from "#spec/engine-api/networking-config.ts";
import { NO_MANAGER } from "#api/not-yet.ts";

const MAX_ITEMS = 10_000;

function readPool(reader: JsonReader): PoolRequest {
  return {
    subnet: reader.string("Subnet") ?? "",
    gateway: reader.string("Gateway") ?? "",
    ipRange: reader.string("IPRange") ?? "",
    auxiliary: reader.stringMap("AuxiliaryAddresses") ?? {},
  };
}

/**
 * Reads the body of `POST /networks/create`.
 *
 * @throws {InvalidArgumentError} With Docker's texts. {UnavailableError} What only a swarm has.
 */
export function readNetworkRequest(body: unknown): NetworkRequest {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "network.CreateRequest",
    maxItems: MAX_ITEMS,
  });
  const ipam = reader.object("IPAM", "network.IPAM");
  const scope = reader.string("Scope") ?? "";
  if (reader.boolean("Ingress") || scope === "swarm") throw new UnavailableError(NO_MANAGER);
  if (scope !== "" && scope !== "local") {
    throw new InvalidArgumentError(`invalid scope ${JSON.stringify(scope)}: want local or swarm`);
  }
  return {
    name: reader.string("Name") ?? "",
    driver: reader.string("Driver") ?? "",
    internal: reader.boolean("Internal") ?? false,
    attachable: reader.boolean("Attachable") ?? false,
    enableIpv4: reader.boolean("EnableIPv4") ?? true,
    enableIpv6: reader.boolean("EnableIPv6") ?? false,
    labels: reader.stringMap("Labels") ?? {},
    options: reader.stringMap("Options") ?? {},
    pools: (ipam?.objects("Config", "[]network.IPAMConfig") ?? []).map(readPool),
    ipamDriver: ipam?.string("Driver") ?? "",
    ipamOptions: ipam?.stringMap("Options") ?? {},
    configOnly: reader.boolean("ConfigOnly") ?? false,
    configFrom: reader.object("ConfigFrom")?.string("Network") ?? "",
  };
}

function readContainer(reader: JsonReader): string {
  const container = reader.string("Container") ?? "";
  if (container === "") throw new InvalidArgumentError("Container cannot be empty");
  return container;
}

/** Reads the body of `POST /networks/{id}/connect`. @throws {InvalidArgumentError} */
export function readConnectRequest(body: unknown): {
  readonly container: string;
  readonly settings: EndpointSettings;
} {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "network.ConnectRequest",
    maxItems: MAX_ITEMS,
  });
  const settings = reader.object("EndpointConfig", "network.EndpointSettings");
  return {
    container: readContainer(reader),
    settings: settings ? readEndpointSettings(settings) : EMPTY_ENDPOINT,
  };
}

/**
 * Reads the body of `POST /networks/{id}/disconnect`. `Force` is for endpoints that no live container has: here those
 * go with their container, so it changes nothing.
 *
 * @throws {InvalidArgumentError}
 */
export function readDisconnectRequest(body: unknown): string {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "network.DisconnectRequest",
  });
  reader.boolean("Force");
  return readContainer(reader);
}
