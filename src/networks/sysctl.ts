import { readFileSync, writeFileSync } from "node:fs";
import { InvalidArgumentError, messageOf, UnsupportedError } from "#base/errors.ts";
import type { InterfaceSysctl } from "./networks.ts";

const CONF = "/proc/sys/net/ipv4/conf";

/**
 * Network settings of the kernel, as the calling thread's network namespace sees them. Synchronous, so
 * that they work inside `Namespaces.inNetwork` too.
 */
export function isForwardingEnabled(): boolean {
  return readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").trim() === "1";
}

export function enableForwarding(): void {
  writeFileSync("/proc/sys/net/ipv4/ip_forward", "1");
}

/**
 * Lets packets with a 127/8 address pass a device: replies to what the host sent from 127.0.0.1 to a
 * published port. The rules must then drop such packets that come from outside.
 */
export function allowLoopbackRouting(deviceName: string): void {
  try {
    writeFileSync(`${CONF}/${deviceName}/route_localnet`, "1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // a bridge that could not be made
  }
}

/**
 * Lets packets in by a device whose answers leave by another: strict reverse path filtering of
 * the whole host makes no difference to it (the kernel takes the greater of the two, and 2 is loose).
 */
export function acceptForeignSources(deviceName: string): void {
  writeFileSync(`${CONF}/${deviceName}/rp_filter`, "2");
}

/**
 * Lets a device tell its network what addresses it has, whenever it comes up or gets a MAC address: gratuitous ARP
 * and unsolicited neighbour advertisements.
 */
export function announceAddresses(deviceName: string, families: readonly (4 | 6)[]): void {
  if (families.includes(4)) writeFileSync(`${CONF}/${deviceName}/arp_notify`, "1");
  if (families.includes(6)) {
    writeFileSync(`/proc/sys/net/ipv6/conf/${deviceName}/ndisc_notify`, "1");
  }
}

/** Takes IPv6 off a device; a kernel without IPv6 has nothing to take off. */
export function disableIpv6(deviceName: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv6/conf/${deviceName}/disable_ipv6`, "1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** Gives a device IPv6 whose addresses hold at once: nobody else has an address that the engine gives. */
export function enableIpv6(deviceName: string): void {
  const folder = `/proc/sys/net/ipv6/conf/${deviceName}`;
  try {
    writeFileSync(`${folder}/accept_ra`, "0");
    writeFileSync(`${folder}/accept_dad`, "0");
    writeFileSync(`${folder}/disable_ipv6`, "0");
  } catch (cause) {
    throw new UnsupportedError(`Cannot use IPv6: this kernel has none (${folder})`, { cause });
  }
}

/** Lets the host pass IPv6 packets on, which containers with such addresses need. */
export function enableIpv6Forwarding(): void {
  writeFileSync("/proc/sys/net/ipv6/conf/all/forwarding", "1");
}

function readState(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Whether a bridge passes on what comes from a port. The kernel gets there by itself some time after the
 * devices are up, mostly at once; until then packets are dropped. True for what is no port.
 */
export function isPortForwarding(deviceName: string, bridgeName: string): boolean {
  const port = readState(`/sys/class/net/${deviceName}/brport/state`);
  const bridge = readState(`/sys/class/net/${bridgeName}/operstate`);
  return port === undefined || (port === "3" && bridge === "up");
}

/** With it on, ports of the bridge reach the host and what is routed, but not each other. */
export function setPortIsolated(deviceName: string, isIsolated: boolean): void {
  writeFileSync(`/sys/class/net/${deviceName}/brport/isolated`, isIsolated ? "1" : "0");
}

/**
 * Sets one of the kernel's settings of a device, in the calling thread's namespace.
 *
 * @throws {InvalidArgumentError} There is none such, or it does not take the value.
 */
export function setInterfaceSysctl(
  deviceName: string,
  { family, group, name, value }: InterfaceSysctl,
): void {
  try {
    writeFileSync(`/proc/sys/net/${family}/${group}/${deviceName}/${name}`, value);
  } catch (cause) {
    throw new InvalidArgumentError(
      `Cannot set sysctl net.${family}.${group}.${deviceName}.${name}=${value}: ${messageOf(cause)}`,
      { cause },
    );
  }
}
