import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { FakeSockets } from "#host/fake/sockets.ts";
import type { Cgroups } from "#host/cgroups.ts";
import { FAKE_ABILITIES } from "#host/fake/cgroups.ts";
import type { Mounts } from "#host/mounts.ts";
import type { Processes } from "#host/processes.ts";
import type { System } from "#host/system.ts";
import type { EngineEvent, Events } from "#events/events.ts";
import type { ImageRecord, Images } from "#images/images.ts";
import type { Logs } from "#logs/logs.ts";
import { parseDigest } from "#spec/digest.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import { EMPTY_EXECUTION_CONFIG } from "#spec/oci-image.ts";
import { type ContainerId, parseContainerId } from "#spec/ids.ts";
import { MemoryStore } from "#store/memory/store.ts";
import type { Collection, Store } from "#store/store.ts";
import { NO_VOLUME_PLUGINS } from "#volumes/testing/no-plugins.ts";
import { openVolumes } from "#volumes/open.ts";
import type { ContainerDetails } from "#containers/containers.ts";
import { openContainers, type OpenContainers } from "#containers/open.ts";
import { FakeClock } from "./fake-clock.ts";
import { NoFilesWorkers } from "./fake-files-workers.ts";
import { FakeNetworks, type FakeSandboxes } from "./fake-networks.ts";
import { FakeProcesses, FakeRuntime } from "./fake-runtime.ts";
import { FakeSnapshotter, type FakeSnapshots } from "./fake-snapshotter.ts";
import { Fuse, fused } from "./fuse.ts";

export const NO_ABORT: AbortSignal = new AbortController().signal;

/** A host with what outlives its daemons. */
export class World implements Disposable {
  readonly directory: string = mkdtempSync(join(tmpdir(), "wharf-containers-"));
  readonly clock: FakeClock = new FakeClock();
  readonly store: MemoryStore = new MemoryStore();
  readonly processes: FakeProcesses = new FakeProcesses(this.clock);
  readonly sandboxes: FakeSandboxes = new Map();
  readonly snapshots: FakeSnapshots = { keys: new Set(), mounted: new Set() };
  readonly tmpfs: Set<string> = new Set();
  bootId = "boot-1";
  /** Of the next container on the bridge. */
  nextAddress = "172.18.0.2";

  get containersDirectory(): string {
    return join(this.directory, "containers");
  }

  /** The host goes down and comes up again: no process, no mount, a new boot id. */
  reboot(): void {
    this.processes.reboot();
    this.snapshots.mounted.clear();
    this.tmpfs.clear();
    this.bootId = `${this.bootId}'`;
  }

  /** What there is on the host of containers, other than the running ones in `live`. */
  leaks(live: ReadonlySet<string>, known: ReadonlySet<string>): readonly string[] {
    const found: string[] = [];
    const check = (what: string, ids: Iterable<string>, allowed: ReadonlySet<string>): void => {
      for (const id of ids) if (!allowed.has(id)) found.push(`${what} ${id.slice(0, 12)}`);
    };
    check("process", this.processes.all.keys(), live);
    check("sandbox", this.sandboxes.keys(), live);
    check("mount", this.snapshots.mounted, live);
    check("snapshot", this.snapshots.keys, known);
    check("folder", readdirSync(this.containersDirectory), known);
    check(
      "record",
      this.store
        .collection({ name: "containers", version: 1 })
        .entries()
        .map(([id]) => id),
      known,
    );
    check(
      "exec",
      this.store
        .collection({ name: "execs", version: 1 })
        .entries()
        .map(([id]) => id),
      new Set(),
    );
    return found;
  }

  [Symbol.dispose](): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export interface TestEngine extends AsyncDisposable {
  readonly containers: OpenContainers;
  readonly runtime: FakeRuntime;
  readonly fuse: Fuse;
  readonly warnings: readonly string[];
  /** `type action`, with signal or exit code where there is one. */
  readonly events: readonly string[];
  create(body?: Record<string, unknown>, name?: string): Promise<ContainerId>;
  run(body?: Record<string, unknown>, name?: string): Promise<ContainerId>;
  status(reference: string): Promise<string>;
  details(reference: string): Promise<ContainerDetails>;
}

/** A daemon on the host; a second one takes over what the first left. */
export async function openTestEngine(world: World): Promise<TestEngine> {
  const fuse = new Fuse();
  const warnings: string[] = [];
  const events: string[] = [];
  const runtime = new FakeRuntime(world.processes);
  const store = fusedStore(world.store, fuse);
  let nextByte = Math.floor(Math.random() * 2 ** 30);
  const randomBytes = (count: number): Uint8Array => {
    // distinct and reproducible enough: a counter, hashed
    nextByte++;
    const seed = new Bun.CryptoHasher("sha256").update(String(nextByte)).digest();
    return Uint8Array.from({ length: count }, (_, index) => seed[index % seed.length] ?? 0);
  };
  const mounts = fakeMounts(world);
  const processes = fakeProcesses();
  const volumes = await openVolumes({
    store,
    clock: world.clock,
    files: { diskUsage: async () => ({ bytes: 0, apparentBytes: 0, inodes: 0 }) },
    mounts,
    processes,
    directory: join(world.directory, "volumes"),
    plugins: NO_VOLUME_PLUGINS,
    onEvent: ({ action }) => void events.push(`volume ${action}`),
    warn: (message) => void warnings.push(message),
    randomBytes,
  });
  const containers = await openContainers({
    store,
    runtime: fused(runtime, fuse, "runtime", [
      "create",
      "start",
      "kill",
      "killGroup",
      "delete",
      "pause",
      "resume",
      "update",
      "exec",
      "attach",
    ]),
    images: fakeImages(),
    snapshotter: fused(
      new FakeSnapshotter(world.snapshots, join(world.directory, "snapshots")),
      fuse,
      "snapshotter",
      ["prepare", "mount", "unmount", "remove"],
    ),
    volumes,
    networks: fused(new FakeNetworks(world.sandboxes, () => world.nextAddress), fuse, "networks", [
      "openSandbox",
      "connectSandbox",
      "closeSandbox",
      "changePorts",
    ]),
    logs: fakeLogs(),
    events: fakeEvents(events),
    clock: world.clock,
    system: fakeSystem(world),
    cgroups: fakeCgroups(),
    processes,
    mounts,
    namespaces: {
      openUser: async () => ({ path: "/proc/self/ns/user", [Symbol.dispose]: () => undefined }),
    },
    sockets: new FakeSockets(),
    filesWorkers: new NoFilesWorkers(),
    settings: {
      directory: world.containersDirectory,
      cgroupParent: "wharf",
      usesSystemdCgroups: false,
      dns: [],
      dnsOptions: [],
      dnsSearch: [],
      defaultUlimits: [],
      cdiSpecDirectories: [],
      isInitDefault: false,
      stopTimeoutSeconds: () => 10,
      isNoNewPrivilegesDefault: false,
    },
    randomBytes,
    warn: (message) => warnings.push(message),
  });
  const create: TestEngine["create"] = async (body = {}, name) => {
    const parsed = parseContainerCreate({ Image: "busybox", Cmd: ["sleep"], ...body });
    const request = { body: { ...parsed, hostConfig: { ...parsed.hostConfig, Runtime: "" } } };
    const made = await containers.create({ ...request, ...(name ? { name } : {}) }, NO_ABORT);
    return made.id;
  };
  return {
    containers,
    runtime,
    fuse,
    warnings,
    events,
    create,
    run: async (body, name) => {
      const id = await create(body, name);
      await containers.start(id, NO_ABORT);
      return id;
    },
    status: async (reference) => (await containers.get(reference)).record.state.status,
    details: (reference) => containers.get(reference),
    [Symbol.asyncDispose]: () => containers[Symbol.asyncDispose](),
  };
}

/** Lets everything that waits for nothing but the event loop happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

function fusedStore(store: MemoryStore, fuse: Fuse): Store {
  return {
    collection: (definition) =>
      fusedCollection(store.collection(definition), fuse, definition.name),
    transaction: (work) => store.transaction(work),
    verify: () => [],
    [Symbol.dispose]: () => undefined,
  };
}

function fusedCollection<V>(collection: Collection<V>, fuse: Fuse, name: string): Collection<V> {
  return fused(collection, fuse, name, ["put", "delete"]);
}

function fakeImages(): Images {
  const image: ImageRecord = {
    id: parseDigest(`sha256:${"1".repeat(64)}`),
    config: {
      author: "",
      comment: "",
      dockerVersion: "",
      osFeatures: [],
      platform: { os: "linux", architecture: "amd64" },
      config: EMPTY_EXECUTION_CONFIG,
      diffIds: [],
      history: [],
    },
    diffIds: [],
    layers: [],
    manifest: {
      mediaType: "",
      digest: parseDigest(`sha256:${"2".repeat(64)}`),
      sizeBytes: 0,
    },
    tags: ["busybox:latest"],
    repoDigests: [],
    sizeBytes: 1000,
    createdLocallyMs: 0,
  };
  const partial: Pick<Images, "resolve" | "list" | "topChainId" | "hold" | "released"> = {
    released: () => Promise.resolve(),
    resolve: (reference) => {
      if (reference !== "busybox") throw new NotFoundError(`No such image: ${reference}`);
      return image;
    },
    list: () => [image],
    topChainId: () => undefined,
    hold: () => ({ [Symbol.dispose]: () => undefined }),
  };
  return partial as Images; // the containers call no more
}

function fakeLogs(): Logs {
  const names = ["json-file", "none"];
  return {
    names,
    validate: (name) => {
      if (!names.includes(name)) {
        throw new InvalidArgumentError(`logger: no log driver named '${name}' is registered`);
      }
    },
    capture: ({ directory }) => ({ target: `k8s-file:${directory}/container.log` }),
    filePath: ({ directory }) => `${directory}/container.log`,
    begin: async () => undefined,
    follow: () => undefined,
    end: async () => undefined,
    forget: async () => undefined,
    read: async function* read(_container, request) {
      if (request.follow) await request.writerGone;
      yield* [];
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function fakeEvents(events: string[]): Events {
  return {
    publish: ({ type, action, attributes }: Omit<EngineEvent, "timeNanos" | "scope">) => {
      const detail = attributes["signal"] ?? attributes["exitCode"];
      events.push(`${type} ${action}${detail === undefined ? "" : ` ${detail}`}`);
    },
    recent: () => [],
    subscribe: async function* subscribe() {
      yield* [];
    },
  };
}

function fakeSystem(world: World): System {
  return {
    get bootId() {
      return world.bootId;
    },
    hostname: "host",
    kernelRelease: "6.1.0",
    kernelVersion: "",
    machine: "x86_64",
    osName: "",
    osVersion: "",
    cpuCount: 2,
    memoryBytes: 0,
    isRoot: true,
    capabilities: ["CAP_CHOWN", "CAP_KILL"],
    securityModules: { seccomp: false, apparmor: false, selinux: false },
    limits: {},
    cpuUsageNanos: () => 1,
    groupId: () => undefined,
    ownUsage: () => ({ openFiles: 0, residentBytes: 0 }),
  };
}

function fakeCgroups(): Cgroups {
  const partial: Pick<Cgroups, "abilities" | "expectMove" | "layout" | "controllers" | "stats"> = {
    abilities: () => FAKE_ABILITIES,
    expectMove: () => {},
    layout: "v2",
    controllers: [],
    stats: () => ({ pids: { current: 1 } }),
  };
  return partial as Cgroups; // the containers call no more
}

function fakeMounts(
  world: World,
): Pick<Mounts, "bind" | "bindMapped" | "mount" | "unmount" | "list" | "tmpfs"> {
  return {
    bindMapped: ({ target }) => void world.tmpfs.add(target),
    bind: ({ target }) => void world.tmpfs.add(target),
    mount: ({ target }) => void world.tmpfs.add(target),
    tmpfs: ({ target }) => void world.tmpfs.add(target),
    unmount: (target) => world.tmpfs.delete(target),
    list: () => [],
  };
}

function fakeProcesses(): Pick<Processes, "run"> {
  return {
    run: async ({ argv }) => ({
      code: 0,
      stdout: argv[0] === "/bin/ps" ? "UID PID CMD\nroot 1000 sleep 5\nroot 7 init\n" : "",
      stderr: "",
    }),
  };
}

export function unknownId(): ContainerId {
  return parseContainerId("f".repeat(64));
}
