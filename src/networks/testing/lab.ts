import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host } from "#host/host.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import type { SocketVault } from "#host/sockets.ts";
import { DEFAULT_NETWORKS_CONFIG, type NetworksConfig } from "#networks/config.ts";
import type {
  Attachment,
  NetworkRecord,
  NetworkRequest,
  Networks,
  PortRequest,
  Sandbox,
  SandboxMode,
} from "#networks/networks.ts";
import { LocalNameServers, type NameServers } from "#networks/dns/name-servers.ts";
import { readHostFile } from "#networks/files/host-resolv-conf.ts";
import { openNetworks } from "#networks/open.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Store } from "#store/store.ts";

/** How long a probe waits for an answer that is expected: a loaded machine takes its time. */
const ANSWER_MS = 8000;
/** How long a probe waits where silence is expected. */
export const SILENCE_MS = 500;
const PATIENCE_MS = 20_000;
const PLAIN_NETWORK: NetworkRequest = {
  name: "",
  driver: "bridge",
  internal: false,
  attachable: false,
  enableIpv4: true,
  enableIpv6: false,
  labels: {},
  options: {},
  pools: [],
  ipamDriver: "",
  ipamOptions: {},
  configOnly: false,
  configFrom: "",
};
const SIGNAL = new AbortController().signal;

export interface LabEngine {
  readonly networks: Networks;
  readonly engineId: string;
  readonly bridge: string;
  readonly table: string;
  readonly store: Store;
  readonly warnings: readonly string[];
  /** Ends as `kill -9` does: sockets go, everything else stays for the next daemon. */
  crash(): Promise<void>;
}

/** Another machine: a namespace of its own, with a cable to this host. */
export interface Outside {
  readonly namespacePath: string;
  /** This host as seen from there. */
  readonly hostAddress: string;
  readonly address: string;
  readonly hostAddress6: string;
  readonly address6: string;
}

export function hex(byteCount: number): string {
  return randomBytes(byteCount).toString("hex");
}

/** An address is there at once, and not after a second. */
function withoutDuplicateDetection(deviceName: string): void {
  writeFileSync(`/proc/sys/net/ipv6/conf/${deviceName}/accept_dad`, "0");
}

/** A group of an IPv6 address as the kernel writes it, without zeros before it. */
function random16(): string {
  return (0x1000 + (randomBytes(2).readUInt16LE(0) % 0xe000)).toString(16);
}

/** Engines, containers and other machines for tests on the real kernel; all of it gone when disposed. */
export class Lab implements AsyncDisposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "wharf-lab-"));
  /** The engines' own of the host's; not there until a test writes it. */
  readonly hostResolvConfPath: string = join(this.directory, "resolv.conf");
  readonly host: Host;
  /** Where engines look for sockets. */
  readonly pluginFolder: string = join(this.directory, "plugins");
  readonly plugins: PluginFinder;
  readonly #stack = new AsyncDisposableStack();
  /** By container, as a supervisor has it. */
  readonly #vaults = new Map<string, SocketVault>();

  private constructor(host: Host) {
    this.host = host;
    this.plugins = new PluginFinder({
      folders: [this.pluginFolder],
      sleep: (delayMs, signal) => host.clock.delay(delayMs, signal),
    });
  }

  static async open(): Promise<Lab> {
    return new Lab(await openLinuxHost());
  }

  /** For one engine, which ends them. */
  nameServers(): NameServers {
    return new LocalNameServers({
      ...this.host,
      randomBytes,
      random: Math.random,
      readHostFile: () => readHostFile(this.hostResolvConfPath).text,
    });
  }

  /** An engine with a bridge of its own; taken down at the end. */
  async engine(
    config: Partial<NetworksConfig> = {},
    restart?: Pick<LabEngine, "store" | "engineId">,
    /** In place of the real host and a store in memory. */
    parts: {
      readonly host?: Host;
      readonly store?: Store;
      readonly nameServers?: NameServers;
    } = {},
  ): Promise<LabEngine> {
    const engineId = restart?.engineId ?? hex(16);
    const store = parts.store ?? restart?.store ?? new MemoryStore();
    const bridge = config.bridge ?? `wt${engineId.slice(0, 8)}`;
    const warnings: string[] = [];
    const networks = await openNetworks({
      store,
      ...this.host,
      ...parts.host,
      plugins: this.plugins,
      engineId,
      dataRoot: this.home(engineId),
      runDir: join(this.directory, engineId),
      config: { ...DEFAULT_NETWORKS_CONFIG, ...config, bridge },
      randomBytes,
      vaultOf: (containerId) => this.#vaults.get(containerId)?.share(),
      nameServers: parts.nameServers ?? this.nameServers(),
      warn: (message) => warnings.push(message),
    });
    const table = `wharf_${engineId.slice(0, 8)}`;
    let isGone = false;
    const end = async (): Promise<void> => {
      if (isGone) return;
      isGone = true;
      await networks[Symbol.asyncDispose]();
    };
    this.#stack.defer(async () => {
      if (!isGone) await networks.teardown();
      await end();
      await this.host.nft.run(`add table inet ${table}\ndelete table inet ${table}\n`);
    });
    return { networks, engineId, bridge, table, store, warnings, crash: end };
  }

  /** Data root of an engine. */
  home(engineId: string): string {
    const folder = join(this.directory, `home-${engineId.slice(0, 8)}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "engine-id"), `${engineId}\n`);
    return folder;
  }

  /** A container's sandbox on the default network. */
  async container(
    engine: LabEngine,
    name: string,
    ports: readonly PortRequest[] = [],
    mode: SandboxMode = { kind: "bridge" },
    attachments?: readonly Attachment[],
  ): Promise<Sandbox> {
    const vault = this.#vaults.get(name) ?? this.#stack.use(this.host.sockets.openVault());
    this.#vaults.set(name, vault);
    const request = {
      containerId: name,
      containerName: name,
      mode,
      ports,
      vault,
      ...(attachments ? { attachments } : {}),
    };
    const sandbox = await engine.networks.openSandbox(request, SIGNAL);
    try {
      await engine.networks.connectSandbox(name, SIGNAL);
    } catch (error) {
      await engine.networks.closeSandbox(name);
      throw error;
    }
    return sandbox;
  }

  /** Disposed of at the end. */
  use<T extends AsyncDisposable>(thing: T): T {
    return this.#stack.use(thing);
  }

  /** A network namespace, pinned; gone at the end. */
  namespace(): string {
    const path = join(this.directory, `wn${hex(4)}`);
    this.host.namespaces.createNetwork(path);
    this.#stack.defer(() => void this.host.namespaces.removeNetwork(path));
    return path;
  }

  network(
    engine: LabEngine,
    name: string,
    network: Partial<NetworkRequest>,
  ): Promise<NetworkRecord> {
    return engine.networks.create({ ...PLAIN_NETWORK, name, ...network });
  }

  /** A container on a network of its own, with the name of the container. */
  async containerOn(
    engine: LabEngine,
    name: string,
    network: Partial<NetworkRequest>,
    ports: readonly PortRequest[] = [],
  ): Promise<Sandbox> {
    const { id } = await this.network(engine, name, network);
    return await this.container(engine, name, ports, { kind: "bridge" }, [
      { networkId: id, dnsNames: [name] },
    ]);
  }

  outside(): Outside {
    const [a = 0, b = 0] = randomBytes(2);
    const subnet = `198.${18 + (a % 2)}.${b}`;
    const subnet6 = `fd${hex(1)}:${random16()}:${random16()}:`;
    const name = `wo${hex(4)}`;
    const namespacePath = join(this.directory, name);
    this.host.namespaces.createNetwork(namespacePath);
    this.#stack.defer(() => void this.host.namespaces.removeNetwork(namespacePath));
    this.host.netlink.apply([
      { kind: "add-veth", name, peer: { name: "eth0", namespacePath } },
      { kind: "add-address", name, cidr: `${subnet}.1/24` },
    ]);
    withoutDuplicateDetection(name);
    this.host.netlink.apply([
      { kind: "add-address", name, cidr: `${subnet6}:1/64` },
      { kind: "set-up", name },
    ]);
    this.#stack.defer(() => this.host.netlink.apply([{ kind: "delete-link", name }]));
    this.host.namespaces.inNetwork(namespacePath, () => withoutDuplicateDetection("eth0"));
    this.host.netlink.apply(
      [
        { kind: "add-address", name: "eth0", cidr: `${subnet}.2/24` },
        { kind: "add-address", name: "eth0", cidr: `${subnet6}:2/64` },
        { kind: "set-up", name: "eth0" },
        { kind: "add-route", destination: "default", gateway: `${subnet}.1` },
        { kind: "add-route", destination: "default", gateway: `${subnet6}:1` },
      ],
      namespacePath,
    );
    return {
      namespacePath,
      hostAddress: `${subnet}.1`,
      address: `${subnet}.2`,
      hostAddress6: `${subnet6}:1`,
      address6: `${subnet6}:2`,
    };
  }

  /** Makes what is in a namespace send packets for 127.0.0.1 to `gateway`, as only an attacker would. */
  sendLoopbackTo(path: string, gateway: string): void {
    this.host.namespaces.inNetwork(path, () =>
      writeFileSync("/proc/sys/net/ipv4/conf/all/route_localnet", "1"),
    );
    this.host.netlink.apply(
      [
        { kind: "delete-address", name: "lo", cidr: "127.0.0.1/8" },
        { kind: "add-route", destination: "127.0.0.1/32", gateway },
      ],
      path,
    );
  }

  /** Runs `work`, whose promise may be, in a namespace; the host's when there is no path. */
  #at<T>(path: string | undefined, work: () => T): T {
    if (path === undefined) return work();
    // Wrapped: sockets are made at once, and what comes later does not need the namespace.
    return this.host.namespaces.inNetwork(path, () => ({ result: work() })).result;
  }

  /** Waits for what happens elsewhere. @throws When it has not after a long while. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + PATIENCE_MS;
    while (!(await isSo())) {
      if (performance.now() > endMs) throw new Error("waited in vain");
      await Bun.sleep(5);
    }
  }

  /** A server that tells each client what address it comes from. */
  serveTcp(path: string | undefined, port: number, hostname = "0.0.0.0"): number {
    const server = this.#at(path, () =>
      Bun.listen({
        hostname,
        port,
        socket: { open: (client) => void client.end(client.remoteAddress), data() {} },
      }),
    );
    this.#stack.defer(() => server.stop(true));
    return server.port;
  }

  /** A server that sends back what it gets. */
  echoTcp(path: string | undefined, port: number, hostname = "0.0.0.0"): void {
    const server = this.#at(path, () =>
      Bun.listen({
        hostname,
        port,
        socket: { data: (client, data) => void client.write(data) },
      }),
    );
    this.#stack.defer(() => server.stop(true));
  }

  /** A connection that stays open. */
  async talkTcp(
    path: string | undefined,
    hostname: string,
    port: number,
  ): Promise<{ ask(waitMs?: number): Promise<string | undefined> }> {
    let answer = Promise.withResolvers<string | undefined>();
    const socket = await this.#at(path, () =>
      Bun.connect({
        hostname,
        port,
        socket: {
          data: (_socket, data) => answer.resolve(data.toString()),
          close: () => answer.resolve(undefined),
          error: () => answer.resolve(undefined),
        },
      }),
    );
    this.#stack.defer(() => socket.terminate());
    return {
      ask: async (waitMs = ANSWER_MS) => {
        answer = Promise.withResolvers();
        if (socket.write("?") <= 0) return undefined;
        const timer = setTimeout(() => answer.resolve(undefined), waitMs);
        const result = await answer.promise;
        clearTimeout(timer);
        return result;
      },
    };
  }

  async serveUdp(path: string | undefined, port: number, hostname = "0.0.0.0"): Promise<void> {
    const server = await this.#at(path, () =>
      Bun.udpSocket({
        hostname,
        port,
        socket: {
          data: (socket, _data, from, address) => void socket.send(address, from, address),
        },
      }),
    );
    this.#stack.defer(() => server.close());
  }

  /** What a TCP server says; `undefined` for no answer or a refusal. */
  async askTcp(
    path: string | undefined,
    hostname: string,
    port: number,
    waitMs: number = ANSWER_MS,
  ): Promise<string | undefined> {
    const answer = Promise.withResolvers<string | undefined>();
    const connecting = this.#at(path, () =>
      Bun.connect({
        hostname,
        port,
        socket: {
          data: (_socket, data) => answer.resolve(data.toString()),
          close: () => answer.resolve(undefined),
        },
      }),
    );
    connecting.catch(() => answer.resolve(undefined));
    const timer = setTimeout(() => answer.resolve(undefined), waitMs);
    const result = await answer.promise;
    clearTimeout(timer);
    void connecting.then(
      (socket) => socket.end(),
      () => undefined,
    );
    return result;
  }

  async askUdp(
    path: string | undefined,
    hostname: string,
    port: number,
  ): Promise<string | undefined> {
    const client = await this.udpClient(path, hostname, port);
    return await client.ask();
  }

  /** A client that keeps its own port from one question to the next. */
  async udpClient(
    path: string | undefined,
    hostname: string,
    port: number,
  ): Promise<{ ask(waitMs?: number): Promise<string | undefined> }> {
    let answer = Promise.withResolvers<string | undefined>();
    const socket = await this.#at(path, () =>
      Bun.udpSocket({
        hostname: hostname.includes(":") ? "::" : "0.0.0.0",
        connect: { hostname, port },
        socket: {
          data: (_socket, data) => answer.resolve(data.toString()),
          error: () => answer.resolve(undefined),
        },
      }),
    );
    this.#stack.defer(() => socket.close());
    return {
      ask: async (waitMs = ANSWER_MS) => {
        answer = Promise.withResolvers();
        socket.send("?");
        const timer = setTimeout(() => answer.resolve(undefined), waitMs);
        const result = await answer.promise;
        clearTimeout(timer);
        return result;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
    await this.host[Symbol.asyncDispose]();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
