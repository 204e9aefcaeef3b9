import { InvalidArgumentError, PermissionDeniedError } from "#base/errors.ts";
import { JsonReader } from "#base/json-reader.ts";
import type { NetworkRequest, PoolRequest } from "#networks/networks.ts";
import {
  type EndpointSettings,
  EMPTY_ENDPOINT,
  readEndpointSettings,
} from "#spec/engine-api/networking-config.ts";

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
 * @throws {InvalidArgumentError} With Docker's texts. {PermissionDeniedError} What only a swarm has.
 */
export function readNetworkRequest(body: unknown): NetworkRequest {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "network.CreateRequest",
    maxItems: MAX_ITEMS,
  });
  const ipam = reader.object("IPAM", "network.IPAM");
  const scope = reader.string("Scope") ?? "";
  if (scope === "swarm") {
    throw new PermissionDeniedError(
      "cannot create a swarm scoped network when swarm is not active",
    );
  }
  if (reader.boolean("Ingress")) {
    throw new PermissionDeniedError("Ingress network can only be global scope network");
  }
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

export interface DisconnectRequest {
  readonly container: string;
  readonly isForced: boolean;
}

/** Reads the body of `POST /networks/{id}/disconnect`. @throws {InvalidArgumentError} */
export function readDisconnectRequest(body: unknown): DisconnectRequest {
  const reader = JsonReader.of(body, {
    prefix: "invalid JSON: ",
    goType: "network.DisconnectRequest",
  });
  return { container: readContainer(reader), isForced: reader.boolean("Force") ?? false };
}
