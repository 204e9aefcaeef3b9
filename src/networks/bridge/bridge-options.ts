import { InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { tryParseIp } from "#base/ip.ts";
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
} as const;

export interface BridgeOptions {
  readonly bridgeName: string;
  readonly interContainer: boolean;
  readonly masquerade: boolean;
  /** 0 leaves the kernel's own. */
  readonly mtuBytes: number;
  /** Where ports go that are published without an address; the daemon's default when empty. */
  readonly hostBinding: string;
}

/** A bridge is named after its network's short id unless an option names it. */
export function bridgeOptionsOf(network: NetworkRecord): BridgeOptions {
  const { options } = network;
  return {
    bridgeName: options[BRIDGE_OPTION.bridgeName] ?? `br-${network.id.slice(0, 12)}`,
    interContainer: tryParseBoolean(options[BRIDGE_OPTION.interContainer]) ?? true,
    masquerade: tryParseBoolean(options[BRIDGE_OPTION.masquerade]) ?? true,
    mtuBytes: Number(options[BRIDGE_OPTION.mtu] ?? 0),
    hostBinding: options[BRIDGE_OPTION.hostBindingIpv4] ?? "",
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
 * @throws {InvalidArgumentError} A malformed value. {UnsupportedError} A gateway mode that there is not.
 */
export function checkBridgeOptions({ options, internal }: NetworkRecord): void {
  for (const key of [BRIDGE_OPTION.interContainer, BRIDGE_OPTION.masquerade]) {
    const text = options[key];
    if (text !== undefined && tryParseBoolean(text) === undefined) {
      throw new InvalidArgumentError(
        `failed to parse ${key} value: ${JSON.stringify(text)}: want true or false`,
      );
    }
  }
  checkMtu(options);
  const binding = options[BRIDGE_OPTION.hostBindingIpv4];
  if (binding !== undefined && tryParseIp(binding)?.family !== 4) {
    throw new InvalidArgumentError(
      `failed to parse ${BRIDGE_OPTION.hostBindingIpv4} value: ${JSON.stringify(binding)}: want an IPv4 address`,
    );
  }
  const name = options[BRIDGE_OPTION.bridgeName];
  if (name !== undefined && !/^[^\s/:]{1,15}$/.test(name)) {
    throw new InvalidArgumentError(
      `invalid bridge name ${JSON.stringify(name)}: want 1 to 15 characters without blank, "/" or ":"`,
    );
  }
  for (const key of [BRIDGE_OPTION.gatewayModeIpv4, BRIDGE_OPTION.gatewayModeIpv6]) {
    checkGatewayMode(key, options[key] ?? "nat", internal);
  }
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
  if (mode === "nat" || mode === "") return;
  if (!["isolated", "nat-unprotected", "routed"].includes(mode)) {
    throw new InvalidArgumentError(`unknown gateway mode ${mode}`);
  }
  if (mode === "isolated" && !isInternal) {
    throw new InvalidArgumentError(
      `gateway mode 'isolated' can only be used for an internal network`,
    );
  }
  throw new UnsupportedError(`Cannot use ${key}=${mode}: this engine has gateway mode nat only`);
}
