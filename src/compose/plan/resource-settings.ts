import type { Network, Volume } from "#compose/model/project.ts";
import type { JsonObject } from "./json.ts";
import type { Settings } from "./settings.ts";

const COMPOSE_LABEL = /^com\.docker\.compose\./;

/** What the file says of a network; the driver and the addresses that the engine chooses are left out. */
export function settingsOfNetwork(wanted: Network): Settings {
  const { driver_opts, labels, ipam } = wanted;
  const pools = (ipam?.config ?? []).map(({ subnet = "", gateway = "", ip_range = "" }) =>
    [subnet, gateway, ip_range].filter((part) => part !== "").join(" "),
  );
  return said([
    ["driver", wanted.driver ?? "bridge"],
    ["internal", wanted.internal],
    ["attachable", wanted.attachable],
    ["enable_ipv6", wanted.enable_ipv6],
    ["ipam.driver", ipam?.driver ?? "default"],
    ["ipam.config", pools.join(", ")],
    ...prefixed("driver_opts", driver_opts ?? new Map()),
    ...prefixed("labels", labels ?? new Map()),
  ]);
}

/** @param definition As the engine lists it. @param wanted Says whether its addresses were asked for. */
export function settingsOfListedNetwork(definition: JsonObject, wanted: Network): Settings {
  const { Driver = "", Internal = false, Attachable = false, EnableIPv6 = false } = definition;
  const ipam = objectOf(definition["IPAM"]);
  const pools = listOf(ipam["Config"]).map((pool) => {
    const text = (field: string): string => {
      const value = objectOf(pool)[field];
      return typeof value === "string" ? value : "";
    };
    const asked = (wanted.ipam?.config ?? []).find(({ subnet }) => subnet === text("Subnet"));
    const gateway = asked && asked.gateway === undefined ? "" : text("Gateway");
    const parts = [text("Subnet"), gateway, text("IPRange")];
    return parts.filter((part) => part !== "").join(" ");
  });
  return said([
    ["driver", Driver],
    ["internal", Internal],
    ["attachable", Attachable],
    ["enable_ipv6", EnableIPv6],
    ["ipam.driver", ipam["Driver"] ?? "default"],
    ["ipam.config", wanted.ipam?.config === undefined ? "" : pools.join(", ")],
    ...prefixed("driver_opts", entriesOf(definition["Options"])),
    ...prefixed("labels", entriesOf(definition["Labels"])),
  ]);
}

export function settingsOfVolume(wanted: Volume): Settings {
  return said([
    ["driver", wanted.driver ?? "local"],
    ...prefixed("driver_opts", wanted.driver_opts ?? new Map()),
    ...prefixed("labels", wanted.labels ?? new Map()),
  ]);
}

export function settingsOfListedVolume(definition: JsonObject): Settings {
  return said([
    ["driver", definition["Driver"] ?? "local"],
    ...prefixed("driver_opts", entriesOf(definition["Options"])),
    ...prefixed("labels", entriesOf(definition["Labels"])),
  ]);
}

function said(entries: readonly (readonly [string, unknown])[]): Settings {
  const isSaid = (value: unknown): boolean =>
    value !== undefined && value !== null && value !== "" && value !== false;
  return new Map(
    entries.filter(([, value]) => isSaid(value)).map(([key, value]) => [key, String(value)]),
  );
}

function prefixed(
  prefix: string,
  values: ReadonlyMap<string, unknown>,
): readonly (readonly [string, unknown])[] {
  return [...values]
    .filter(([name]) => !COMPOSE_LABEL.test(name))
    .map(([name, value]) => [`${prefix}.${name}`, value] as const);
}

function entriesOf(value: JsonObject[string] | undefined): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(objectOf(value)));
}

function objectOf(value: JsonObject[string] | undefined): JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : {};
}

function listOf(value: JsonObject[string] | undefined): readonly JsonObject[string][] {
  return Array.isArray(value) ? value : [];
}
