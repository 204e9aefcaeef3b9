import { InvalidArgumentError } from "#base/errors.ts";
import { tryParseIp } from "#base/ip.ts";
import type { FamilyRules, GatewayMode } from "#networks/driver.ts";
import type { NetworkRecord } from "#networks/networks.ts";

/** Docker's option keys of a bridge network, as `network inspect` shows them. */
export const BRIDGE_OPTION = {
  isDefault: "com.docker.network.bridge.default_bridge",
  interContainer: "com.docker.network.bridge.enable_icc",
  masquerade: "com.docker.network.bridge.enable_ip_masquerade",
  hostBindingIpv4: "com.docker.network.bridge.host_binding_ipv4",
  bridgeName: "com.docker.network.bridge.name",
  mtu: "com.docker.network.driver.mtu",
  gatewayModeIpv4: "com.docker.network.bridge.gateway_mode_ipv4",
  gatewayModeIpv6: "com.docker.network.bridge.gateway_mode_ipv6",
  inhibitIpv4: "com.docker.network.bridge.inhibit_ipv4",
  trustedDevices: "com.docker.network.bridge.trusted_host_interfaces",
  sourceIpv4: "com.docker.network.host_ipv4",
  sourceIpv6: "com.docker.network.host_ipv6",
  interfacePrefix: "com.docker.network.container_iface_prefix",
} as const;

export interface BridgeOptions {
  readonly bridgeName: string;
  readonly interContainer: boolean;
  /** 0 leaves the kernel's own. */
  readonly mtuBytes: number;
  /** Where ports go that are published without an address; the daemon's default when empty. */
  readonly hostBinding: string;
  /** Whether the bridge has no IPv4 address: somebody else on it is the gateway. */
  readonly isWithoutIpv4: boolean;
  /** @see NetworkRules.trustedDevices */
  readonly trustedDevices: readonly string[];
  /** Of the devices in containers. */
  readonly interfacePrefix: string;
}

const GATEWAY_MODES: readonly GatewayMode[] = ["nat", "nat-unprotected", "routed", "isolated"];

/** How a bridge network's containers are reached in a family. */
export function gatewayModeOf(
  { options }: Pick<NetworkRecord, "options">,
  family: 4 | 6,
): GatewayMode {
  const text =
    options[family === 4 ? BRIDGE_OPTION.gatewayModeIpv4 : BRIDGE_OPTION.gatewayModeIpv6];
  return GATEWAY_MODES.find((mode) => mode === text) ?? "nat";
}

/** What the firewall does with a bridge network's packets of a family. */
export function familyRulesOf(network: NetworkRecord, family: 4 | 6): FamilyRules {
  const { options } = network;
  const mode = gatewayModeOf(network, family);
  const source = options[family === 4 ? BRIDGE_OPTION.sourceIpv4 : BRIDGE_OPTION.sourceIpv6];
  const isMasqueraded = tryParseBoolean(options[BRIDGE_OPTION.masquerade]) ?? true;
  return {
    mode,
    masquerade: isMasqueraded && mode !== "routed" && mode !== "isolated",
    ...(source ? { sourceAddress: source } : {}),
  };
}

/** A bridge is named after its network's short id unless an option names it. */
export function bridgeOptionsOf(network: NetworkRecord): BridgeOptions {
  const { options } = network;
  return {
    bridgeName: options[BRIDGE_OPTION.bridgeName] ?? `br-${network.id.slice(0, 12)}`,
    interContainer: tryParseBoolean(options[BRIDGE_OPTION.interContainer]) ?? true,
    mtuBytes: Number(options[BRIDGE_OPTION.mtu] ?? 0),
    hostBinding: options[BRIDGE_OPTION.hostBindingIpv4] ?? "",
    isWithoutIpv4: tryParseBoolean(options[BRIDGE_OPTION.inhibitIpv4]) ?? false,
    trustedDevices: (options[BRIDGE_OPTION.trustedDevices] ?? "")
      .split(":")
      .filter((name) => name !== ""),
    interfacePrefix: options[BRIDGE_OPTION.interfacePrefix] || "eth",
  };
}

const TRUE_WORDS: readonly string[] = ["1", "t", "T", "true", "TRUE", "True"];
const FALSE_WORDS: readonly string[] = ["0", "f", "F", "false", "FALSE", "False"];

function tryParseBoolean(text: string | undefined): boolean | undefined {
  if (text === undefined || ![...TRUE_WORDS, ...FALSE_WORDS].includes(text)) return undefined;
  return TRUE_WORDS.includes(text);
}

const SMALLEST_MTU = 68;
const LARGEST_MTU = 65_535;

/**
 * Checks the options of a bridge network that is to be made. Keys that mean nothing here are kept, as in docker.
 *
 * @throws {InvalidArgumentError} A malformed value.
 */
export function checkBridgeOptions({ options, internal }: NetworkRecord): void {
  for (const key of [
    BRIDGE_OPTION.interContainer,
    BRIDGE_OPTION.masquerade,
    BRIDGE_OPTION.inhibitIpv4,
  ]) {
    const text = options[key];
    if (text !== undefined && tryParseBoolean(text) === undefined) {
      throw new InvalidArgumentError(
        `failed to parse ${key} value: ${JSON.stringify(text)}: want true or false`,
      );
    }
  }
  checkMtu(options);
  checkAddress(options, BRIDGE_OPTION.hostBindingIpv4, 4);
  checkAddress(options, BRIDGE_OPTION.sourceIpv4, 4);
  checkAddress(options, BRIDGE_OPTION.sourceIpv6, 6);
  const name = options[BRIDGE_OPTION.bridgeName];
  if (name !== undefined && !/^[^\s/:"]{1,15}$/.test(name)) {
    throw new InvalidArgumentError(
      `invalid bridge name ${JSON.stringify(name)}: want 1 to 15 characters without blank, "/" or ":"`,
    );
  }
  for (const device of (options[BRIDGE_OPTION.trustedDevices] ?? "").split(":")) {
    if (device === "" || DEVICE_NAME.test(device)) continue;
    throw new InvalidArgumentError(
      `invalid device ${JSON.stringify(device)} in ${BRIDGE_OPTION.trustedDevices}: want names of devices with ":" between them`,
    );
  }
  const prefix = options[BRIDGE_OPTION.interfacePrefix];
  if (prefix && !INTERFACE_PREFIX.test(prefix)) {
    throw new InvalidArgumentError(
      `invalid ${BRIDGE_OPTION.interfacePrefix} ${JSON.stringify(prefix)}: want 1 to 12 letters, digits, "-", "_" or "."`,
    );
  }
  for (const key of [BRIDGE_OPTION.gatewayModeIpv4, BRIDGE_OPTION.gatewayModeIpv6]) {
    const mode = options[key];
    if (mode !== undefined) checkGatewayMode(key, mode, internal);
  }
}

/** What nft(8) takes between quotes, too. */
const DEVICE_NAME = /^[\w.@-]{1,15}$/;
const INTERFACE_PREFIX = /^[A-Za-z][\w.-]{0,11}$/;

function checkAddress(options: NetworkRecord["options"], key: string, family: 4 | 6): void {
  const text = options[key];
  if (text === undefined || tryParseIp(text)?.family === family) return;
  throw new InvalidArgumentError(
    `failed to parse ${key} value: ${JSON.stringify(text)}: want an IPv${family} address`,
  );
}

/** @throws {InvalidArgumentError} The option that every driver has is no MTU. */
export function checkMtu(options: NetworkRecord["options"]): void {
  const mtu = options[BRIDGE_OPTION.mtu];
  if (mtu !== undefined && !(/^\d+$/.test(mtu) && isMtu(Number(mtu)))) {
    throw new InvalidArgumentError(
      `invalid MTU ${JSON.stringify(mtu)}: want 0 or a number from ${SMALLEST_MTU} to ${LARGEST_MTU}`,
    );
  }
}

/** The option that every driver has; nothing leaves the kernel's own. */
export function mtuOf({ options }: Pick<NetworkRecord, "options">): { readonly mtuBytes?: number } {
  const mtuBytes = Number(options[BRIDGE_OPTION.mtu] ?? 0);
  return mtuBytes > 0 ? { mtuBytes } : {};
}

function isMtu(bytes: number): boolean {
  return bytes === 0 || (bytes >= SMALLEST_MTU && bytes <= LARGEST_MTU);
}

function checkGatewayMode(key: string, mode: string, isInternal: boolean): void {
  if (!GATEWAY_MODES.some((one) => one === mode)) {
    throw new InvalidArgumentError(
      `failed to parse ${key} value: ${mode} (unknown gateway mode ${mode})`,
    );
  }
  if (mode === "isolated" && !isInternal) {
    throw new InvalidArgumentError(
      `gateway mode 'isolated' can only be used for an internal network`,
    );
  }
}
