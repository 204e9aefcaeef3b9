import { FailedPreconditionError, messageOf } from "#base/errors.ts";
import {
  contains,
  formatCidr,
  formatIp,
  parseCidr,
  parseIp,
  tryParseAddressWithPrefix,
} from "#base/ip.ts";
import type { JsonReader } from "#base/json-reader.ts";
import type { EndpointAddresses, TakenAddress } from "#networks/driver.ts";
import type { AddressesOfEndpoint, AddressWishes, Ipam, PoolWish } from "#networks/ipam/ipam.ts";
import type { AddressPoolRecord, NetworkRecord } from "#networks/networks.ts";
import { type CallOptions, PluginRefusedError, RETRY_MS } from "#plugins/client.ts";
import type { Plugin, Plugins } from "#plugins/plugins.ts";
import { callDriver, END_TIMEOUT_MS } from "./network-plugin.ts";

const TIMEOUT_MS = 30_000;
const GATEWAY = "com.docker.network.gateway";
const MAC_ADDRESS = "com.docker.network.endpoint.macaddress";

interface Capabilities {
  readonly requiresMacAddress: boolean;
  readonly requiresReplay: boolean;
}

/**
 * Networks whose subnets and addresses a plugin gives: Docker's IPAM protocol. What the plugin says is checked against
 * what it said before: an address outside its pool, or one that somebody has, is not taken.
 *
 * @see moby, daemon/libnetwork/docs/ipam.md
 */
export class RemoteIpam implements Ipam {
  readonly #plugins: Plugins;
  readonly #warn: (message: string) => void;
  /** By network: addresses that endpoints have. */
  readonly #taken = new Map<string, Set<string>>();

  constructor(options: { readonly plugins: Plugins; readonly warn: (message: string) => void }) {
    this.#plugins = options.plugins;
    this.#warn = options.warn;
  }

  /** @throws {NotFoundError} With Docker's text. {PluginRefusedError} {UnavailableError} {FailedPreconditionError} */
  async requestPools(
    network: NetworkRecord,
    wishes: readonly PoolWish[],
    onPool: (pools: readonly AddressPoolRecord[]) => void,
  ): Promise<readonly AddressPoolRecord[]> {
    const plugin = await this.#plugin(network);
    const space = await call(plugin, "GetDefaultAddressSpaces", {}, (answer) =>
      answer.string("LocalDefaultAddressSpace"),
    );
    const pools: AddressPoolRecord[] = [];
    for (const { family, wish } of wishes) {
      const options = network.ipamOptions ?? {};
      const { gateway, ...pool } = await requestPool(plugin, { space, family, wish, options });
      pools.push({ ...pool, gateway: "" });
      onPool([...pools]);
      const wanted = wish.gateway || gateway;
      const given = await requestAddress(plugin, pool, wanted, { RequestAddressType: GATEWAY });
      pools[pools.length - 1] = { ...pool, gateway: given.address };
      onPool([...pools]);
      for (const address of Object.values(wish.auxiliary ?? {})) {
        await requestAddress(plugin, pool, address, {});
      }
    }
    return pools;
  }

  async #plugin({ ipamDriver = "" }: NetworkRecord, signal?: AbortSignal): Promise<Plugin> {
    return await this.#plugins.get(ipamDriver, "IpamDriver", signal);
  }

  async take(network: NetworkRecord, wishes: AddressWishes): Promise<EndpointAddresses> {
    const plugin = await this.#plugin(network);
    const { requiresMacAddress } = await capabilitiesOf(plugin);
    const options =
      requiresMacAddress && wishes.macAddress ? { [MAC_ADDRESS]: wishes.macAddress } : {};
    const ask = async (family: 4 | 6, wanted = ""): Promise<TakenAddress | undefined> => {
      const pools = network.pools.filter(({ subnet }) => subnet.includes(":") === (family === 6));
      const pool =
        pools.find(({ subnet }) => wanted !== "" && contains(parseCidr(subnet), parseIp(wanted))) ??
        pools[0];
      if (!pool) return undefined;
      const given = await requestAddress(plugin, pool, wanted, options);
      this.#claim(plugin, network, given.address);
      return { ...given, gateway: pool.gateway };
    };
    const ipv4 = await ask(4, wishes.ipv4Address);
    try {
      const ipv6 = await ask(6, wishes.ipv6Address);
      return { ...(ipv4 ? { ipv4 } : {}), ...(ipv6 ? { ipv6 } : {}) };
    } catch (error) {
      await this.release(network, { ipAddress: ipv4?.address ?? "" });
      throw error;
    }
  }

  /** Not given back where somebody has it: it is that one's. */
  #claim(plugin: Plugin, network: NetworkRecord, address: string): void {
    const taken = this.#takenOf(network);
    const isGateway = network.pools.some(({ gateway }) => gateway === address);
    if (taken.has(address) || isGateway) {
      throw lie(plugin, "RequestAddress", `address ${address}, which is somebody's already`);
    }
    taken.add(address);
  }

  #takenOf({ id }: NetworkRecord): Set<string> {
    const taken = this.#taken.get(id) ?? new Set();
    this.#taken.set(id, taken);
    return taken;
  }

  adopt(network: NetworkRecord, { ipAddress, ipv6Address = "" }: AddressesOfEndpoint): void {
    for (const address of [ipAddress, ipv6Address]) {
      if (address !== "") this.#takenOf(network).add(address);
    }
  }

  async replay(network: NetworkRecord): Promise<void> {
    const plugin = await this.#plugin(network, AbortSignal.timeout(END_TIMEOUT_MS));
    const { requiresReplay } = await capabilitiesOf(plugin);
    if (!requiresReplay) return;
    const space = await call(plugin, "GetDefaultAddressSpaces", {}, (answer) =>
      answer.string("LocalDefaultAddressSpace"),
    );
    for (const pool of network.pools) {
      const family = pool.subnet.includes(":") ? 6 : 4;
      const options = network.ipamOptions ?? {};
      await requestPool(plugin, { space, family, wish: pool, options });
      if (pool.gateway !== "") {
        await requestAddress(plugin, pool, pool.gateway, { RequestAddressType: GATEWAY });
      }
      for (const address of this.#takenOf(network)) {
        if (contains(parseCidr(pool.subnet), parseIp(address))) {
          await requestAddress(plugin, pool, address, {});
        }
      }
    }
  }

  async release(
    network: NetworkRecord,
    { ipAddress, ipv6Address = "" }: AddressesOfEndpoint,
  ): Promise<void> {
    const addresses = [ipAddress, ipv6Address].filter((address) => address !== "");
    const taken = this.#takenOf(network);
    const given = addresses.filter((address) => taken.delete(address));
    if (given.length === 0) return;
    const plugin = await this.#plugin(network, AbortSignal.timeout(END_TIMEOUT_MS));
    for (const address of given) await releaseAddress(plugin, network.pools, address);
  }

  /** A plugin that is away keeps what it gave: that is said, and the network goes. */
  async forget(network: NetworkRecord): Promise<void> {
    this.#taken.delete(network.id);
    try {
      const plugin = await this.#plugin(network, AbortSignal.timeout(END_TIMEOUT_MS));
      for (const pool of network.pools) {
        const { gateway, poolId, auxiliary = {} } = pool;
        const reserved = [gateway, ...Object.values(auxiliary)];
        for (const address of reserved) {
          if (address !== "") await releaseAddress(plugin, [pool], address);
        }
        await call(plugin, "ReleasePool", { PoolID: poolId }, () => undefined, ENDING);
      }
    } catch (error) {
      this.#warn(`Cannot give back the subnets of network ${network.name}: ${messageOf(error)}`);
    }
  }
}

const ENDING: CallOptions = { timeoutMs: END_TIMEOUT_MS };

async function call<Answer>(
  plugin: Plugin,
  verb: string,
  body: unknown,
  read: (answer: JsonReader) => Answer,
  options: CallOptions = { timeoutMs: TIMEOUT_MS, retryMs: RETRY_MS },
): Promise<Answer> {
  return await callDriver(plugin, `IpamDriver.${verb}`, body, read, options);
}

function lie(plugin: Plugin, verb: string, what: string): FailedPreconditionError {
  return new FailedPreconditionError(
    `IpamDriver.${verb}: plugin ${JSON.stringify(plugin.name)} answered an unusable ${what}`,
  );
}

/** Plugins of before the question have none. */
async function capabilitiesOf(plugin: Plugin): Promise<Capabilities> {
  try {
    return await call(plugin, "GetCapabilities", {}, (answer) => ({
      requiresMacAddress: answer.boolean("RequiresMACAddress") ?? false,
      requiresReplay: answer.boolean("RequiresRequestReplay") ?? false,
    }));
  } catch (error) {
    if (!(error instanceof PluginRefusedError)) throw error;
    return { requiresMacAddress: false, requiresReplay: false };
  }
}

async function requestPool(
  plugin: Plugin,
  request: {
    readonly space: string | undefined;
    readonly family: 4 | 6;
    readonly wish: AddressPoolRecord;
    readonly options: Readonly<Record<string, string>>;
  },
): Promise<AddressPoolRecord> {
  const { wish, family } = request;
  const body = {
    AddressSpace: request.space ?? "",
    Pool: wish.subnet,
    SubPool: wish.ipRange ?? "",
    Options: request.options,
    V6: family === 6,
  };
  return await call(plugin, "RequestPool", body, (answer) => {
    const text = answer.string("Pool") ?? "";
    const parsed = tryParseAddressWithPrefix(text);
    if (parsed?.address.family !== family) {
      throw lie(plugin, "RequestPool", `pool ${JSON.stringify(text.slice(0, 100))}`);
    }
    const subnet = formatCidr(parsed.subnet);
    if (wish.subnet !== "" && subnet !== wish.subnet) {
      throw lie(plugin, "RequestPool", `pool ${subnet}, where ${wish.subnet} was wanted`);
    }
    const told = tryParseAddressWithPrefix(answer.object("Data")?.string(GATEWAY) ?? "");
    return {
      ...wish,
      subnet,
      gateway: told ? formatIp(told.address) : "",
      poolId: answer.string("PoolID") ?? "",
    };
  });
}

async function requestAddress(
  plugin: Plugin,
  pool: Pick<AddressPoolRecord, "subnet" | "poolId">,
  wanted: string,
  options: Readonly<Record<string, string>>,
): Promise<{ readonly address: string; readonly prefixLength: number }> {
  const body = { PoolID: pool.poolId, Address: wanted, Options: options };
  return await call(plugin, "RequestAddress", body, (answer) => {
    const text = answer.string("Address") ?? "";
    const parsed = tryParseAddressWithPrefix(text);
    const subnet = parseCidr(pool.subnet);
    if (!parsed || parsed.address.family !== subnet.family || !contains(subnet, parsed.address)) {
      const shown = JSON.stringify(text.slice(0, 100));
      throw lie(plugin, "RequestAddress", `address ${shown}: want one of ${pool.subnet}`);
    }
    const address = formatIp(parsed.address);
    if (wanted !== "" && address !== formatIp(parseIp(wanted))) {
      throw lie(plugin, "RequestAddress", `address ${address}, where ${wanted} was wanted`);
    }
    return { address, prefixLength: parsed.subnet.prefixLength };
  });
}

async function releaseAddress(
  plugin: Plugin,
  pools: readonly AddressPoolRecord[],
  address: string,
): Promise<void> {
  const parsed = parseIp(address);
  const pool = pools.find(({ subnet }) => {
    const block = parseCidr(subnet);
    return block.family === parsed.family && contains(block, parsed);
  });
  if (!pool) return;
  const body = { PoolID: pool.poolId, Address: address };
  await call(plugin, "ReleaseAddress", body, () => undefined, ENDING);
}
