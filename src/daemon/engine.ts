import { randomBytes, randomUUID } from "node:crypto";
import { chmodSync, chownSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { ApiServer } from "#api/server.ts";
import { messageOf } from "#base/errors.ts";
import { toHostId } from "#base/id-mappings.ts";
import { PluginAuthorizer } from "#auth/plugin-authorizer.ts";
import { wharfVersion } from "#base/version.ts";
import { BuildRecords } from "#builder/cache/records.ts";
import { parentCgroupPath } from "#containers/bring-up/cgroup-path.ts";
import { ProcessFilesWorkers } from "#containers/files/process-workers.ts";
import { openContainers } from "#containers/open.ts";
import { openFileContentStore } from "#content/file-content-store.ts";
import { EventBus } from "#events/event-bus.ts";
import { openLinuxHost } from "#host/linux/host.ts";
import { openImages } from "#images/open-images.ts";
import { boundedUnpacker } from "#images/unpack/bounded-unpacker.ts";
import { ProcessUnpacker } from "#images/unpack/process-unpacker.ts";
import { DEFAULT_UNPACK_LIMITS } from "#images/unpack/protocol.ts";
import { createLogs } from "#logs/drivers.ts";
import { pluginLogDriver } from "#logs/plugin/plugin-log-driver.ts";
import { resumeNames } from "#networks/sandboxes/resume-names.ts";
import { ThreadNameServers } from "#networks/dns/thread/thread-name-servers.ts";
import { openNetworks } from "#networks/open.ts";
import { openRuntime } from "#runtime/open.ts";
import { NO_FILTERS } from "#spec/engine-api/filters.ts";
import { hostPlatform } from "#spec/platform.ts";
import type { RandomBytes } from "#spec/ids.ts";
import { SqliteStore } from "#store/sqlite/store.ts";
import { PluginFinder } from "#plugins/plugin-finder.ts";
import { MeasuredFiles } from "#upkeep/measure.ts";
import { openVolumes } from "#volumes/open.ts";
import type { TransferParts } from "#volumes/transfers.ts";
import { PluginVolumeDrivers } from "#volumes/plugin/plugin-drivers.ts";
import { networksConfig } from "./config/networks-config.ts";
import { useAuthorizationPlugins } from "./authorization-plugins.ts";
import { readSeccompProfile } from "./seccomp-profile.ts";
import { lockFolder } from "./folder-lock.ts";
import { CountedEvents } from "./counted-events.ts";
import { openBuilding } from "./building.ts";
import { openCollections } from "./collections.ts";
import { containerDefaults } from "./config/container-defaults.ts";
import type { EngineConfig } from "./config/engine-config.ts";
import { openDiskFaultExplainer } from "./disk-fault.ts";
import { startDnsThread } from "./dns-thread.ts";
import { readOrCreateEngineId } from "./engine-id.ts";
import { engineLabels, engineVersion } from "./facts.ts";
import { loadAppArmorProfile } from "./apparmor.ts";
import { checkRemapDriver, openIdMappings } from "./userns-remap.ts";
import { openListenAddresses } from "./listen-addresses.ts";
import type { Logger } from "./logger.ts";
import { openRegistryClient } from "./open-registry-client.ts";
import { openSnapshotter } from "./open-snapshotter.ts";
import { openManagedPlugins } from "./managed-plugins.ts";
import { treeArchiver } from "./tree-archiver.ts";
import { findExecutable } from "./preflight.ts";
import { EngineMetrics } from "./metrics/engine-metrics.ts";
import { openMetricsServer } from "./metrics/metrics-server.ts";
import { addProcessMetrics } from "./metrics/process-metrics.ts";
import { engineRoutes } from "./routes.ts";
import { reloadAttributes } from "./service/reload.ts";
import { processState, writeStateDump } from "./service/state-dump.ts";
import { imageUsers } from "./backends/images.ts";
import { openUpkeep } from "./upkeep.ts";

/** Everything of one running engine. Disposing leaves the containers as they are. */
export interface Engine extends AsyncDisposable {
  readonly id: string;
  /** Where it listens, ports filled in. */
  readonly addresses: readonly string[];
  /** Takes over what may change while it runs. */
  reload(config: EngineConfig): Promise<void>;
  /** Writes down what it is at, for somebody who looks for a fault. @returns Path of the file. */
  writeState(): string;
  /** Stops what runs, within the shutdown time-out, unless it is to live on; then takes the network down. */
  stopContainers(): Promise<void>;
}

const INIT_NAMES = ["docker-init", "catatonit", "tini"];

const newRandomBytes: RandomBytes = (count) => new Uint8Array(randomBytes(count));

/** Below 0 there is no limit, as in dockerd. */
function shutdownTimeoutMs({ shutdownTimeoutSeconds: seconds }: EngineConfig): number {
  return seconds < 0 ? Number.MAX_SAFE_INTEGER : seconds * 1000;
}

/**
 * Opens every part from the host up, brings the records and the world together, then serves the API. A
 * failure on the way closes what is open.
 *
 * @param surroundings.selfArgv Command that starts this executable again, for work in child processes.
 * @param surroundings.inheritedNames Of the listening sockets that were handed over, from descriptor 3 on.
 */
export async function openEngine(
  config: EngineConfig,
  logger: Logger,
  surroundings: {
    readonly selfArgv: readonly string[];
    readonly inheritedNames: readonly string[];
  },
): Promise<Engine> {
  const { selfArgv, inheritedNames } = surroundings;
  await using stack = new AsyncDisposableStack();
  let current = config;
  const warnings: string[] = [...config.warnings];
  const warn = (message: string): void => logger.warn(message);
  const metrics = new EngineMetrics();

  const host = stack.use(await openLinuxHost());
  stack.use(await lockFolder(host, config.dataRoot, "--data-root"));
  // also of a folder that was there before: what containers write, set-user-id programs for one, is nobody else's
  chmodSync(config.dataRoot, 0o710);
  const idMappings = await openIdMappings(config, host);
  chownSync(config.dataRoot, 0, (idMappings && toHostId(idMappings.groups, 0)) ?? 0);
  stack.use(await lockFolder(host, config.execRoot, "--exec-root"));
  const engineId = readOrCreateEngineId(config.dataRoot, randomUUID);
  const store = stack.use(SqliteStore.open(join(config.dataRoot, "wharf.db")));
  openCollections(store);
  const nameServers = stack.use(new ThreadNameServers({ start: startDnsThread, warn }));
  // first of all: containers that live ask on, and the rest of the way to `reconcile` is long
  const resuming = resumeNames({ store, nameServers, localPorts: host.localPorts });
  const { clock } = host;
  const content = openFileContentStore({ directory: join(config.dataRoot, "content") });
  const files = new MeasuredFiles({
    files: host.files,
    processes: host.processes,
    clock,
    selfCommand: selfArgv,
  });
  const storage = openSnapshotter(config, {
    host,
    files,
    store,
    logger,
    randomBytes: newRandomBytes,
  });
  const { snapshotter } = storage;
  checkRemapDriver(idMappings, snapshotter);
  warnings.push(...storage.warnings);
  const events = new CountedEvents(new EventBus({ clock }), metrics.onEvent);
  const platform = hostPlatform("linux", host.system.machine);
  const registries = stack.use(
    openRegistryClient(() => current, { clock, kernel: host.system.kernelRelease }),
  );
  const buildRecords = new BuildRecords(store);
  const processUnpacker = new ProcessUnpacker({
    processes: host.processes,
    selfCommand: selfArgv,
    limits: DEFAULT_UNPACK_LIMITS,
  });
  const unpacker = boundedUnpacker(processUnpacker, Math.max(2, availableParallelism()));
  const images = await openImages({
    references: [buildRecords],
    store,
    content,
    snapshots: snapshotter,
    processes: host.processes,
    unpacker,
    events,
    clock,
    platform,
    registries,
    transfers: config.transfers,
  });
  const runtimeOptions = {
    processes: host.processes,
    cgroups: host.cgroups,
    sockets: host.sockets,
    files: host.files,
    clock,
    bootId: host.system.bootId,
    runtimes: config.runtimes,
    ...(config.defaultRuntime === undefined ? {} : { defaultRuntime: config.defaultRuntime }),
    cgroupManager: config.containers.cgroupManager,
  };
  const filesWorkers = stack.use(
    new ProcessFilesWorkers({
      processes: host.processes,
      sockets: host.sockets,
      clock,
      selfCommand: selfArgv,
    }),
  );
  const seccompProfile = readSeccompProfile(config, host);
  const archiver = treeArchiver(filesWorkers);
  const managedPlugins = stack.use(
    await openManagedPlugins({
      config,
      host,
      store,
      archiver,
      registries,
      unpacker,
      events,
      randomBytes: newRandomBytes,
      runtimeOptions,
      seccompProfile,
      countUses: (name) => volumes.list(NO_FILTERS).filter(({ driver }) => driver === name).length,
      warn,
    }),
  );
  const plugins = new PluginFinder({
    folders: config.pluginFolders,
    managed: managedPlugins,
    sleep: (delayMs, signal) => clock.delay(delayMs, signal),
  });
  const pluginLogParts = {
    plugins,
    processes: host.processes,
    clock,
    randomBytes: newRandomBytes,
    fifoDirectory: join(config.execRoot, "logging"),
  };
  const authorizer = new PluginAuthorizer(plugins);
  await useAuthorizationPlugins(authorizer, config);
  const volumes = await openVolumes({
    store,
    plugins: new PluginVolumeDrivers(plugins),
    onEvent: ({ action, name, driver, oldName }) =>
      events.publish({
        type: "volume",
        action,
        actorId: name,
        attributes: { driver, ...(oldName === undefined ? {} : { oldName }) },
      }),
    warn,
    clock,
    files,
    mounts: host.mounts,
    processes: host.processes,
    directory: join(config.dataRoot, "volumes"),
    randomBytes: newRandomBytes,
  });
  const openedNetworks = await openNetworks({
    store,
    plugins,
    netlink: host.netlink,
    namespaces: host.namespaces,
    nft: host.nft,
    sockets: host.sockets,
    localPorts: host.localPorts,
    nameServers,
    processes: host.processes,
    conntrack: host.conntrack,
    clock,
    engineId,
    dataRoot: config.dataRoot,
    runDir: config.execRoot,
    config: networksConfig(config),
    randomBytes: newRandomBytes,
    vaultOf: (containerId) => runtime.vault(containerId),
    warn,
  });
  stack.use(openedNetworks);
  const logs = stack.use(
    createLogs(
      {
        ...host,
        clock,
        hostname: host.system.hostname,
        pid: process.pid,
        randomBytes: newRandomBytes,
        warn,
      },
      {
        plugin: (name) =>
          plugins.mayHave(name, "LogDriver") ? pluginLogDriver(pluginLogParts, name) : undefined,
        pluginNames: () => plugins.knownNames("LogDriver"),
      },
    ),
  );
  const isMeasured = config.metricsAddress !== undefined;
  const networks = isMeasured ? metrics.measureNetworks(openedNetworks) : openedNetworks;
  logs.validate(config.logDriver, config.logOptions);
  const { cgroupManager } = config.containers;
  const openedRuntime = stack.use(
    await openRuntime({ ...runtimeOptions, stateDir: join(config.execRoot, "runtime") }),
  );
  const { runtime } = openedRuntime;
  warnings.push(...openedRuntime.warnings);
  const initPath = config.containers.initPath ?? findExecutable(INIT_NAMES, process.env["PATH"]);
  const appArmorProfile = await loadAppArmorProfile(host, warn);
  const transfers: TransferParts = {
    volumes,
    archiver,
    processes: host.processes,
  };
  const cgroupSettings = {
    cgroupParent:
      config.containers.cgroupParent ?? (cgroupManager === "systemd" ? "system.slice" : "wharf"),
    usesSystemdCgroups: cgroupManager === "systemd",
  };
  const { realtime } = config.containers;
  if (realtime) host.cgroups.giveRealtime(parentCgroupPath(cgroupSettings), realtime);
  const containers = stack.use(
    await openContainers({
      onProbe: metrics.onProbe,
      onStarted: metrics.onStarted,
      store,
      runtime,
      images,
      snapshotter,
      volumes,
      networks,
      logs,
      events,
      clock,
      system: host.system,
      cgroups: host.cgroups,
      processes: host.processes,
      mounts: host.mounts,
      namespaces: host.namespaces,
      sockets: host.sockets,
      filesWorkers,
      settings: {
        directory: join(config.dataRoot, "containers"),
        ...cgroupSettings,
        dns: config.containers.dns,
        dnsOptions: config.containers.dnsOptions,
        dnsSearch: config.containers.dnsSearch,
        defaultUlimits: config.containers.ulimits,
        isInitDefault: config.containers.isInit,
        stopTimeoutSeconds: () => current.containers.stopTimeoutSeconds,
        cdiSpecDirectories: config.containers.cdiSpecDirectories,
        isNoNewPrivilegesDefault: config.containers.isNoNewPrivileges,
        ...(idMappings === undefined ? {} : { idMappings }),
        ...(appArmorProfile === undefined ? {} : { appArmorProfile }),
        ...(initPath === undefined ? {} : { initPath }),
        ...(seccompProfile === undefined ? {} : { seccompProfile }),
      },
      randomBytes: newRandomBytes,
      warn,
    }),
  );
  await resuming;
  await containers.reconcile();
  /** Bridges and rules go, unless a container needs them. */
  const endNetworks = async (): Promise<void> => {
    const { running, paused } = containers.counts();
    if (running + paused === 0) await openedNetworks.teardown();
  };
  let isOpen = false;
  stack.defer(async () => {
    // an engine that did not come to serve has no other end
    if (!isOpen) await endNetworks().catch((error: unknown) => warn(messageOf(error)));
  });

  const building = stack.use(
    await openBuilding({
      config,
      host,
      store: buildRecords,
      images,
      registries,
      snapshotter,
      content,
      containers,
      archiver,
      filesWorkers,
      randomBytes: newRandomBytes,
      selfArgv,
      defaults: () => containerDefaults(current, host, runtime.defaultRuntime),
      engineId,
      log: logger,
    }),
  );
  const upkeep = openUpkeep({
    dataRoot: config.dataRoot,
    files,
    content,
    snapshotter,
    images,
    volumes,
    containers,
    events,
    networks,
    store,
    mounts: host.mounts,
    processes: host.processes,
    runtime,
    stateDirectory: join(config.execRoot, "runtime"),
    clock,
    buildCache: building.builder,
    imageUsers: () => imageUsers(containers),
    imageGcPolicy: () => config.imageGc?.policy,
  });
  const sources = {
    engineId,
    host,
    runtime,
    snapshotter,
    images,
    networks,
    logs,
    plugins,
    authorizationPlugins: () => authorizer.names,
    containers,
    initPath,
    hasSeccomp: seccompProfile !== undefined,
    isRemapped: idMappings !== undefined,
    eventListeners: () => events.listeners,
    warnings,
    config: () => current,
  };
  const version = engineVersion(sources);
  const api = stack.use(
    new ApiServer({
      product: `Wharf/${wharfVersion} (linux)`,
      experimental: config.isExperimental,
      log: logger,
      authorizer,
      explain: openDiskFaultExplainer(host.mounts, config.dataRoot),
      // of our own clients those connect before they know what to ask that are about to start something
      onSilence: () => host.cgroups.expectMove(),
      http2: (connection, signal) => building.buildkit.serveControl(connection, signal),
      ...(isMeasured ? { onAnswer: metrics.onAnswer } : {}),
      routes: engineRoutes({
        sources,
        version,
        events,
        clock,
        upkeep,
        managedPlugins,
        transfers,
        containers,
        measuredContainers: isMeasured ? metrics.measureContainers(containers) : containers,
        networks,
        registries,
        platform,
        building,
        config,
      }),
    }),
  );
  const addresses: string[] = [];
  for (const address of openListenAddresses(config, {
    system: host.system,
    inheritedNames,
    warn,
  })) {
    addresses.push(await api.listen(address));
  }
  if (config.metricsAddress) {
    metrics.addSources({
      engine: engineLabels(sources, version),
      cpuCount: host.system.cpuCount,
      memoryBytes: host.system.memoryBytes,
      containerCounts: () => containers.counts(),
      eventSubscribers: () => events.listeners,
      imageCount: () => images.list({ all: true, filters: NO_FILTERS }).length,
      volumeCount: () => volumes.list(NO_FILTERS).length,
    });
    addProcessMetrics(metrics.registry, {
      openFiles: () => host.system.ownUsage().openFiles,
      maxFiles: host.system.limits["nofile"]?.soft ?? 0,
    });
    stack.use(metrics.watchLag());
    const onFailure = (error: unknown): void =>
      logger.error("Cannot read metrics", { error: messageOf(error) });
    const server = await openMetricsServer(config.metricsAddress, metrics.registry, onFailure);
    addresses.push(stack.use(server).url);
  }
  for (const message of warnings) logger.warn(message);
  if (config.imageGc) stack.use(upkeep.startImageGc(config.imageGc, logger));

  isOpen = true;
  const open = stack.move();
  return {
    id: engineId,
    addresses,
    reload: async (changed) => {
      await useAuthorizationPlugins(authorizer, changed);
      await openedRuntime.reload(changed);
      current = changed;
      const runtimes = Object.entries(runtime.runtimes).map(([name, { path }]) => [name, path]);
      const facts = {
        hostname: host.system.hostname,
        defaultRuntime: runtime.defaultRuntime,
        runtimes: Object.fromEntries(runtimes) as Readonly<Record<string, string>>,
      };
      events.publish({
        type: "daemon",
        action: "reload",
        actorId: engineId,
        attributes: reloadAttributes(current, facts),
      });
    },
    writeState: () =>
      writeStateDump(
        config.execRoot,
        {
          version: wharfVersion,
          ...processState(),
          requests: api.underWay(),
          eventListeners: events.listeners,
          containers: containers.allRecords().map(({ id, name, state, intent }) => ({
            id,
            name,
            status: state.status,
            ...(intent === undefined ? {} : { intent }),
          })),
          configuration: current,
        },
        new Date(clock.nowMs()),
      ),
    stopContainers: async () => {
      if (!current.isLiveRestore) {
        await containers.stopAll(shutdownTimeoutMs(current));
        await managedPlugins.stopAll();
      }
      await endNetworks();
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
