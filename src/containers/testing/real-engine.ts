import { randomBytes, randomUUID } from "node:crypto";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { invariant } from "#base/errors.ts";
import { ProcessFilesWorkers } from "#containers/files/process-workers.ts";
import { type OpenContainers, openContainers } from "#containers/open.ts";
import { openFileContentStore } from "#content/file-content-store.ts";
import { EventBus } from "#events/event-bus.ts";
import type { EngineEvent } from "#events/events.ts";
import type { Host } from "#host/host.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import { openImages } from "#images/open-images.ts";
import { offlineRegistries } from "#registry-client/testing/offline.ts";
import { ProcessUnpacker } from "#images/unpack/process-unpacker.ts";
import { DEFAULT_UNPACK_LIMITS } from "#images/unpack/protocol.ts";
import { createLogs } from "#logs/drivers.ts";
import { DEFAULT_NETWORKS_CONFIG } from "#networks/config.ts";
import type { Networks } from "#networks/networks.ts";
import { LocalNameServers } from "#networks/dns/name-servers.ts";
import { openNetworks } from "#networks/open.ts";
import type { Runtime } from "#runtime/runtime.ts";
import { openRuntime } from "#runtime/open.ts";
import { openOverlaySnapshotter } from "#snapshots/overlay/overlay-snapshotter.ts";
import type { Snapshotter } from "#snapshots/snapshotter.ts";
import { parseContainerCreate } from "#spec/engine-api/container-create.ts";
import type { ContainerId } from "#spec/ids.ts";
import { hostPlatform } from "#spec/platform.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { SqliteStore } from "#store/sqlite/store.ts";
import { NO_VOLUME_PLUGINS } from "#volumes/testing/no-plugins.ts";
import { openVolumes } from "#volumes/open.ts";
import { NO_ABORT } from "./harness.ts";

/** Where an engine keeps its things; a second engine on it is the first one's successor. */
export interface RealRoot extends Disposable {
  readonly directory: string;
  readonly engineId: string;
  readonly bridge: string;
}

export function makeRealRoot(): RealRoot {
  const directory = mkdtempSync(join(tmpdir(), "wharf-real-"));
  const engineId = randomUUID().replaceAll("-", "");
  return {
    directory,
    engineId,
    bridge: `wc${engineId.slice(0, 8)}`,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

export interface RealEngine {
  readonly host: Host;
  readonly containers: OpenContainers;
  readonly networks: Networks;
  readonly runtime: Runtime;
  readonly snapshotter: Snapshotter;
  readonly events: readonly EngineEvent[];
  readonly warnings: readonly string[];
  create(body: Record<string, unknown>, name?: string): Promise<ContainerId>;
  run(body: Record<string, unknown>, name?: string): Promise<ContainerId>;
  logsOf(reference: string): Promise<string>;
  /** What there is on the host of this engine's containers. */
  leaks(): readonly string[];
  /** Ends as `kill -9` does, as far as one process can: what runs goes on. */
  abandon(): Promise<void>;
  /** Removes all containers and the network. */
  tearDown(): Promise<void>;
}

/** All parts, real ones, on the real kernel; needs root, conmon and crun or runc. */
export async function openRealEngine(root: RealRoot): Promise<RealEngine> {
  await using stack = new AsyncDisposableStack();
  const warnings: string[] = [];
  const warn = (message: string): void => void warnings.push(message);
  const host = stack.use(await openLinuxHost());
  const store = stack.use(SqliteStore.open(join(root.directory, "wharf.db")));
  const random = (count: number): Uint8Array => new Uint8Array(randomBytes(count));
  const { clock } = host;
  const bus = new EventBus({ clock });
  const events: EngineEvent[] = [];
  const snapshotter = openOverlaySnapshotter({
    processes: host.processes,
    root: root.directory,
    store,
    mounts: host.mounts,
    files: host.files,
    clock,
    randomBytes: random,
    onTrashFailure: (path) => warn(`cannot delete ${path}`),
  });
  const images = await openImages({
    store,
    content: openFileContentStore({ directory: join(root.directory, "content") }),
    snapshots: snapshotter,
    processes: host.processes,
    unpacker: new ProcessUnpacker({
      processes: host.processes,
      selfCommand: [
        process.execPath,
        join(import.meta.dir, "../../daemon/workers/testing/self.ts"),
      ],
      limits: DEFAULT_UNPACK_LIMITS,
    }),
    events: bus,
    clock,
    platform: hostPlatform("linux", host.system.machine),
    registries: offlineRegistries(),
    transfers: { maxDownloads: 3, maxUploads: 5 },
  });
  const volumes = await openVolumes({
    store,
    ...host,
    directory: join(root.directory, "volumes"),
    plugins: NO_VOLUME_PLUGINS,
    onEvent: () => {},
    warn,
    randomBytes: random,
  });
  const networks = await openNetworks({
    store,
    ...host,
    plugins: new PluginFinder({ folders: [], sleep: (delayMs) => clock.delay(delayMs) }),
    engineId: root.engineId,
    runDir: join(root.directory, "run"),
    config: { ...DEFAULT_NETWORKS_CONFIG, bridge: root.bridge },
    nameServers: new LocalNameServers({
      ...host,
      randomBytes,
      random: Math.random,
      readHostFile: () => "",
    }),
    randomBytes: random,
    vaultOf: (containerId) => opened.runtime.vault(containerId),
    warn,
  });
  stack.use(networks);
  const opened = stack.use(
    await openRuntime({
      ...host,
      bootId: host.system.bootId,
      stateDir: join(root.directory, "run/runtime"),
      runtimes: {},
      cgroupManager: "cgroupfs",
    }),
  );
  const { runtime } = opened;
  const containers = stack.use(
    await openContainers({
      store,
      runtime,
      images,
      snapshotter,
      volumes,
      networks,
      logs: stack.use(
        createLogs({
          ...host,
          clock,
          hostname: host.system.hostname,
          pid: process.pid,
          randomBytes: random,
          warn,
        }),
      ),
      events: {
        publish: (event) => {
          bus.publish(event);
          const last = bus.recent().at(-1);
          if (last) events.push(last);
        },
        recent: () => bus.recent(),
        subscribe: (signal) => bus.subscribe(signal),
      },
      clock,
      system: host.system,
      cgroups: host.cgroups,
      processes: host.processes,
      mounts: host.mounts,
      namespaces: host.namespaces,
      sockets: host.sockets,
      filesWorkers: stack.use(
        new ProcessFilesWorkers({
          processes: host.processes,
          sockets: host.sockets,
          clock,
          selfCommand: [
            process.execPath,
            join(import.meta.dir, "../../daemon/workers/testing/self.ts"),
          ],
        }),
      ),
      settings: {
        directory: join(root.directory, "containers"),
        cgroupParent: `wharf-test-${root.engineId.slice(0, 8)}`,
        usesSystemdCgroups: false,
        dns: [],
        dnsOptions: [],
        dnsSearch: [],
        defaultUlimits: [],
        cdiSpecDirectories: [],
        isInitDefault: false,
        stopTimeoutSeconds: () => 10,
        isNoNewPrivilegesDefault: false,
        initPath: "/usr/bin/catatonit",
        seccompProfile: readFileSync("/usr/share/containers/seccomp.json", "utf8"),
      },
      randomBytes: random,
      warn,
    }),
  );
  await containers.reconcile();
  if (images.list({ all: true, filters: new Map() }).length === 0) await importBusybox(images);
  const open = stack.move();
  const create: RealEngine["create"] = async (body, name) => {
    const parsed = parseContainerCreate({ Image: "busybox", ...body });
    const request = { ...parsed, hostConfig: { ...parsed.hostConfig, Runtime: "" } };
    const { id } = await containers.create({ body: request, ...(name ? { name } : {}) }, NO_ABORT);
    return id;
  };
  const leaks = (): readonly string[] => [
    ...runtime.list().map((id) => `process ${id}`),
    ...host.mounts.list(root.directory).map(({ target }) => `mount ${target}`),
    ...networks.list().flatMap(({ id }) => networks.endpointsOf(id).map(() => "endpoint")),
    ...snapshotter
      .list()
      .flatMap(({ kind, name }) => (kind === "active" ? [`snapshot ${name}`] : [])),
    ...host.cgroups
      .children(`/wharf-test-${root.engineId.slice(0, 8)}`)
      .map((name) => `cgroup ${name}`),
  ];
  return {
    host,
    containers,
    networks,
    runtime,
    snapshotter,
    events,
    warnings,
    create,
    leaks,
    run: async (body, name) => {
      const id = await create(body, name);
      await containers.start(id, NO_ABORT);
      return id;
    },
    logsOf: async (reference) => {
      let text = "";
      const request = { stdout: true, stderr: true, follow: false };
      for await (const batch of containers.logs(reference, request, NO_ABORT).batches) {
        text += batch.content.toString();
      }
      return text;
    },
    abandon: () => open.disposeAsync(),
    tearDown: async () => {
      const all = await containers.list({ all: true, withSizes: false, filters: new Map() });
      for (const { record } of all) {
        await containers.remove(record.id, { force: true, volumes: true, link: false });
      }
      await networks.teardown();
      await snapshotter.settled();
      host.cgroups.remove(`/wharf-test-${root.engineId.slice(0, 8)}`);
      await open.disposeAsync();
      // a successor finds nothing to do
      for (const { target } of host.mounts.list(root.directory)) host.mounts.unmount(target);
    },
  };
}

/** An image of Debian's static busybox with a user and some content below /srv. */
async function importBusybox(images: Awaited<ReturnType<typeof openImages>>): Promise<void> {
  const tree = mkdtempSync(join(tmpdir(), "wharf-busybox-"));
  try {
    chmodSync(tree, 0o755);
    for (const path of ["bin", "etc", "srv/data", "tmp"]) {
      mkdirSync(join(tree, path), { recursive: true });
    }
    cpSync("/bin/busybox", join(tree, "bin/busybox"));
    for (const applet of [
      "sh",
      "cat",
      "echo",
      "sleep",
      "true",
      "id",
      "ls",
      "pwd",
      "env",
      "hostname",
      "mkdir",
      "kill",
      "touch",
      "wc",
      "ip",
      "ps",
    ]) {
      symlinkSync("busybox", join(tree, "bin", applet));
    }
    writeFileSync(
      join(tree, "etc/passwd"),
      "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n",
    );
    writeFileSync(join(tree, "etc/group"), "root:x:0:\napp:x:1000:\nextra:x:1001:app\n");
    writeFileSync(join(tree, "srv/data/hello"), "from the image\n");
    const tar = Bun.spawn(["tar", "-C", tree, "-c", "."], { stdout: "pipe" });
    invariant(tar.stdout, "tar has an output");
    await images.import(
      { source: tar.stdout, reference: "busybox", changes: ['CMD ["sh"]'] },
      NO_ABORT,
    );
    await tar.exited;
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}
