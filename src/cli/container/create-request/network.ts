import { InvalidArgumentError } from "#base/errors.ts";
import { isIpAddress, isMacAddress } from "#base/ip-address.ts";
import { customFlag, listFlag, splitCsvLine, stringFlag } from "#cli/command/flags.ts";
import { isUserDefinedNetwork } from "#spec/engine-api/host-config.ts";
import { type FlagsOf, type RequestFields, listOrNothing } from "./fields.ts";

/** One `--network`: a name, or the advanced syntax `name=web,alias=db,ip=10.0.0.2`. */
export interface NetworkAttachment {
  readonly target: string;
  readonly aliases: readonly string[];
  readonly ipv4: string;
  readonly ipv6: string;
  readonly mac: string;
  readonly linkLocal: readonly string[];
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly gatewayPriority: number;
}

/** What the container is connected to, and how it resolves names. */
export interface NetworkValues {
  readonly "add-host": readonly string[];
  readonly dns: readonly string[];
  readonly "dns-opt": readonly string[];
  readonly "dns-option": readonly string[];
  readonly "dns-search": readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly link: readonly string[];
  readonly "link-local-ip": readonly string[];
  readonly "mac-address": string;
  readonly net: readonly NetworkAttachment[];
  readonly "net-alias": readonly string[];
  readonly network: readonly NetworkAttachment[];
  readonly "network-alias": readonly string[];
}

function networkFlag(hidden: boolean): FlagsOf<NetworkValues>["network"] {
  return customFlag<readonly NetworkAttachment[]>(
    "network",
    "Connect a container to a network",
    "",
    [],
    (text, before) => [...before, parseNetworkAttachment(text)],
    { hidden, complete: "networks" },
  );
}

function addressFlag(help: string): FlagsOf<NetworkValues>["ip"] {
  return customFlag(
    "ip",
    help,
    "<nil>",
    "",
    (text) => {
      if (isIpAddress(text.trim())) return text.trim();
      throw new InvalidArgumentError(`failed to parse IP: ${JSON.stringify(text)}`);
    },
    { valueName: "string" },
  );
}

const dnsOptionHelp = "Set DNS options";
const aliasHelp = "Add network-scoped alias for the container";

export const networkFlags: FlagsOf<NetworkValues> = {
  "add-host": listFlag("Add a custom host-to-IP mapping (host:ip)", {
    parseElement: parseExtraHost,
  }),
  dns: listFlag("Set custom DNS servers", { parseElement: parseDnsServer }),
  "dns-opt": listFlag(dnsOptionHelp, { hidden: true }),
  "dns-option": listFlag(dnsOptionHelp),
  "dns-search": listFlag("Set custom DNS search domains", { parseElement: parseSearchDomain }),
  ip: addressFlag("IPv4 address (e.g., 172.30.100.104)"),
  ip6: addressFlag("IPv6 address (e.g., 2001:db8::33)"),
  link: listFlag("Add link to another container", {
    parseElement(text) {
      if (text === "") throw new InvalidArgumentError("empty string specified for links");
      if (text.split(":").length > 2) {
        throw new InvalidArgumentError(`bad format for links: ${text}`);
      }
      return text;
    },
  }),
  "link-local-ip": listFlag("Container IPv4/IPv6 link-local addresses"),
  "mac-address": stringFlag("Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  net: networkFlag(true),
  "net-alias": listFlag(aliasHelp, { hidden: true }),
  network: networkFlag(false),
  "network-alias": listFlag(aliasHelp),
};

function parseExtraHost(text: string): string {
  const separator = text.includes("=") ? "=" : ":";
  const at = text.indexOf(separator);
  const host = text.slice(0, Math.max(at, 0));
  if (host === "" || host.includes(":")) {
    throw new InvalidArgumentError(`bad format for add-host: ${JSON.stringify(text)}`);
  }
  const bracketed = /^\[(.+)\]$/.exec(text.slice(at + 1))?.[1];
  const address = bracketed ?? text.slice(at + 1);
  if (address !== "host-gateway" && !isIpAddress(address.trim())) {
    throw new InvalidArgumentError(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  }
  return `${host}:${address}`;
}

function parseDnsServer(text: string): string {
  const address = text.trim();
  if (isIpAddress(address)) return address;
  throw new InvalidArgumentError(`IP address is not correctly formatted: ${text}`);
}

const domain =
  /^((?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*)\.?\s*$/;

/** A dot alone stands for no search domain. */
function parseSearchDomain(text: string): string {
  const trimmed = text.replace(/^ +| +$/g, "");
  if (trimmed === ".") return trimmed;
  const name = domain.exec(trimmed)?.[1];
  if (!name || !/[a-zA-Z]/.test(name) || name.length >= 255) {
    throw new InvalidArgumentError(`${trimmed} is not a valid domain`);
  }
  return name;
}

/** @throws {InvalidArgumentError} In docker's words, for the advanced syntax. */
export function parseNetworkAttachment(text: string): NetworkAttachment {
  const plain: NetworkAttachment = {
    target: text,
    aliases: [],
    ipv4: "",
    ipv6: "",
    mac: "",
    linkLocal: [],
    driverOptions: {},
    gatewayPriority: 0,
  };
  if (!/\w+=\w+/.test(text)) return plain;
  let found: NetworkAttachment = { ...plain, target: "" };
  for (const field of splitCsvLine(text)) found = withField(found, field);
  if (found.target === "") throw new InvalidArgumentError("network name/id is not specified");
  return found;
}

function withField(found: NetworkAttachment, field: string): NetworkAttachment {
  const equals = field.indexOf("=");
  if (equals <= 0) throw new InvalidArgumentError(`invalid field ${field}`);
  const key = field.slice(0, equals).trim();
  const value = field.slice(equals + 1).trim();
  switch (key) {
    case "name":
      return { ...found, target: value };
    case "alias":
      return { ...found, aliases: [...found.aliases, value] };
    case "ip":
      return { ...found, ipv4: value };
    case "ip6":
      return { ...found, ipv6: value };
    case "mac-address":
      if (!isMacAddress(value)) {
        throw new InvalidArgumentError(`${value} is not a valid mac address`);
      }
      return { ...found, mac: value };
    case "link-local-ip":
      return { ...found, linkLocal: [...found.linkLocal, value] };
    case "driver-opt":
      return { ...found, driverOptions: { ...found.driverOptions, ...driverOption(value) } };
    case "gw-priority":
      return { ...found, gatewayPriority: gatewayPriority(value) };
    default:
      throw new InvalidArgumentError(`invalid field key ${key}`);
  }
}

function driverOption(text: string): Readonly<Record<string, string>> {
  const equals = text.indexOf("=");
  if (equals <= 0) {
    throw new InvalidArgumentError("invalid key value pair format in driver options");
  }
  return { [text.slice(0, equals).trim()]: text.slice(equals + 1).trim() };
}

function gatewayPriority(text: string): number {
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text);
  throw new InvalidArgumentError(`invalid gw-priority (${text}): invalid syntax`);
}

/** An endpoint's settings in the request, in the wire's names. */
export type EndpointFields = Readonly<Record<string, unknown>>;

/** What the request says about networks. */
export interface NetworkPlan extends RequestFields {
  readonly endpoints: Readonly<Record<string, EndpointFields>>;
}

/** @throws {InvalidArgumentError} In docker's words, for settings that contradict each other. */
export function planNetwork(values: NetworkValues): NetworkPlan {
  const mac = values["mac-address"].trim();
  if (mac !== "" && !isMacAddress(mac)) {
    throw new InvalidArgumentError(`${values["mac-address"]} is not a valid mac address`);
  }
  const given = [...values.network, ...values.net];
  const attachments = given.length > 0 ? given : [parseNetworkAttachment("default")];
  const [first] = attachments;
  const endpoints: Record<string, EndpointFields> = {};
  for (const attachment of attachments) {
    const { target } = attachment;
    if (Object.hasOwn(endpoints, target)) {
      throw new InvalidArgumentError(
        `network ${JSON.stringify(target)} is specified multiple times`,
      );
    }
    endpoints[target] = endpointOf(attachment, attachment === first ? values : undefined);
  }
  const [only, ...others] = Object.entries(endpoints);
  const isPlain = only && others.length === 0 && Object.keys(only[1]).length === 0;
  const kinds = new Set(attachments.map(({ target }) => isUserDefinedNetwork(target)));
  if (kinds.size > 1) {
    throw new InvalidArgumentError(
      "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
    );
  }
  return {
    // A single network by its name alone is the engine's to join, by NetworkMode.
    endpoints: given.length > 0 && isPlain ? {} : endpoints,
    host: {
      Dns: values.dns,
      DnsOptions: [...values["dns-option"], ...values["dns-opt"]],
      DnsSearch: values["dns-search"],
      ExtraHosts: listOrNothing(values["add-host"]),
      Links: listOrNothing(values.link),
      NetworkMode: first?.target ?? "default",
    },
  };
}

/** @param options The flags of the first network, which `--ip` and the like are about. */
function endpointOf(
  attachment: NetworkAttachment,
  options: NetworkValues | undefined,
): EndpointFields {
  const { target } = attachment;
  if (target.trim() === "") throw new InvalidArgumentError("no name set for network");
  const aliases = options ? [...options["network-alias"], ...options["net-alias"]] : [];
  const either = <Value extends string | readonly string[]>(
    own: Value,
    flag: Value | undefined,
    names: string,
  ): Value => {
    if (flag === undefined || flag.length === 0) return own;
    if (own.length === 0) return flag;
    throw new InvalidArgumentError(`conflicting options: cannot specify both ${names}`);
  };
  const merged = {
    aliases: either(attachment.aliases, aliases, "--network-alias and per-network alias"),
    links: isUserDefinedNetwork(target) ? (options?.link ?? []) : [],
    ipv4: either(attachment.ipv4, options?.ip, "--ip and per-network IPv4 address"),
    ipv6: either(attachment.ipv6, options?.ip6, "--ip6 and per-network IPv6 address"),
    mac: either(
      attachment.mac,
      options?.["mac-address"],
      "--mac-address and per-network MAC address",
    ),
    linkLocal: either(
      attachment.linkLocal,
      options?.["link-local-ip"],
      "--link-local-ip and per-network link-local IP addresses",
    ),
  };
  if (!isUserDefinedNetwork(target) && merged.aliases.length > 0) {
    throw new InvalidArgumentError(
      "network-scoped aliases are only supported for user-defined networks",
    );
  }
  const hasAddress = merged.ipv4 !== "" || merged.ipv6 !== "" || merged.linkLocal.length > 0;
  return {
    ...(hasAddress
      ? {
          IPAMConfig: {
            ...(merged.ipv4 === "" ? {} : { IPv4Address: merged.ipv4 }),
            ...(merged.ipv6 === "" ? {} : { IPv6Address: merged.ipv6 }),
            ...(merged.linkLocal.length > 0 ? { LinkLocalIPs: merged.linkLocal } : {}),
          },
        }
      : {}),
    ...(merged.links.length > 0 ? { Links: merged.links } : {}),
    ...(merged.aliases.length > 0 ? { Aliases: merged.aliases } : {}),
    ...(merged.mac === "" ? {} : { MacAddress: merged.mac }),
    ...(Object.keys(attachment.driverOptions).length > 0
      ? { DriverOpts: attachment.driverOptions }
      : {}),
    ...(attachment.gatewayPriority === 0 ? {} : { GwPriority: attachment.gatewayPriority }),
  };
}
