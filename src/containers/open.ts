import { mkdir } from "node:fs/promises";
import type { ContainerDefaults } from "#spec/engine-api/host-config.ts";
import { auditContainers } from "./reconcile/audit.ts";
import { Background } from "./background.ts";
import { attachToContainer } from "./attach.ts";
import { createCheckpoint } from "./checkpoints/create.ts";
import { listCheckpoints, removeCheckpoint } from "./checkpoints/list.ts";
import { ContainerEvents } from "./container-events.ts";
import type { Containers } from "./containers.ts";
import { createContainer } from "./create.ts";
import { DetailsReader, withSizes } from "./details.ts";
import { createExec } from "./exec/create.ts";
import { ExecsAhead } from "./exec/ahead.ts";
import { planProcess } from "./bring-up/process-plan.ts";
import { SupervisorsAhead } from "./bring-up/supervisors-ahead.ts";
import { Execs } from "./exec/execs.ts";
import { resizeExec } from "./exec/resize.ts";
import { leaveExec, startExec } from "./exec/start.ts";
import { openHealthMonitors } from "./health/open.ts";
import {
  exportContainer,
  readFromContainer,
  statInContainer,
  writeToContainer,
} from "./files/archive.ts";
import { changesOfContainer } from "./files/changes.ts";
import { commitContainer } from "./files/commit.ts";
import { killContainer } from "./kill.ts";
import { listContainers } from "./list.ts";
import { Lives } from "./live.ts";
import { readLogs } from "./logs.ts";
import { connectNetwork } from "./networks/connect.ts";
import { disconnectNetwork } from "./networks/disconnect.ts";
import { createNetwork, pruneNetworks, removeNetwork } from "./networks/network-verbs.ts";
import { parseSeccompProfile } from "./oci-spec/seccomp.ts";
import type { ContainerParts, ContainersOptions } from "./parts.ts";
import { pauseContainer, unpauseContainer } from "./pause.ts";
import { ContainerPruner } from "./prune.ts";
import { reconcileContainers } from "./reconcile/reconcile.ts";
import { ContainerRegistry } from "./registry.ts";
import { removeContainer } from "./remove.ts";
import { renameContainer } from "./rename.ts";
import { renameVolume } from "./mounts/rename-volume.ts";
import { resizeContainer } from "./resize.ts";
import { restartContainer } from "./restart.ts";
import { startByPolicy, startContainer } from "./start.ts";
import { sampleStats } from "./stats.ts";
import { openStep } from "./steps/open-step.ts";
import { runStep } from "./steps/run-step.ts";
import { SpareSandbox } from "./steps/spare-sandbox.ts";
import type { StepExit, StepOutput, StepProcess, StepRequest, StepTerminal } from "./steps/step.ts";
import { openStepUsers, type StepUsers } from "./steps/step-users.ts";
import { stopContainer } from "./stop.ts";
import { stopAllContainers } from "./stop-all.ts";
import { topOfContainer } from "./top.ts";
import { countContainers } from "./count.ts";
import { MappingNamespaces } from "./bring-up/mapping-namespaces.ts";
import { updateContainer } from "./update/update.ts";
import { waitForContainer } from "./wait.ts";

/**
 * Disposing ends what runs behind the answers and the waits for restarts; containers run on, for the
 * next engine to take over.
 */
export interface OpenContainers extends Containers, AsyncDisposable {
  /** Undefined where steps have the host's users. */
  readonly stepUsers: StepUsers | undefined;
  /** Runs a process that is no container: a step of a build. @see runStep */
  runStep(
    request: StepRequest,
    given: { readonly defaults: ContainerDefaults; readonly onOutput: StepOutput },
    signal: AbortSignal,
  ): Promise<StepExit>;
  /** Starts such a process for somebody to talk to. @see openStep */
  openStep(
    request: StepRequest,
    given: { readonly defaults: ContainerDefaults; readonly terminal: StepTerminal | undefined },
    signal: AbortSignal,
  ): Promise<StepProcess>;
}

/** Joins the verbs to one service. The caller runs `reconcile` before anything else. */
export async function openContainers(options: ContainersOptions): Promise<OpenContainers> {
  await mkdir(options.settings.directory, { recursive: true, mode: 0o710 });
  let isEnding = false;
  const { seccompProfile } = options.settings;
  const joined = {
    registry: new ContainerRegistry(options.store),
    events: new ContainerEvents(options.events),
    background: new Background(options.warn),
  };
  const parts: ContainerParts = {
    ...options,
    ...joined,
    lives: new Lives(),
    execs: new Execs(options.store, options.clock),
    execsAhead: new ExecsAhead({ ...options, ...joined }),
    supervisorsAhead: new SupervisorsAhead({
      ...options,
      ...joined,
      planOf: (record) => planProcess(options, record),
    }),
    health: openHealthMonitors(options, joined, () => parts),
    seccompProfile: seccompProfile === undefined ? undefined : parseSeccompProfile(seccompProfile),
    mappingNamespaces: new MappingNamespaces(options.namespaces),
    stepIds: new Set(),
    spareSandbox: new SpareSandbox(),
    isEnding: () => isEnding,
    startAgain: (id) => startByPolicy(parts, id),
  };
  const pruner = new ContainerPruner(parts);
  const reader = new DetailsReader(parts);
  return {
    create: (request, signal) => createContainer(parts, request, signal),
    start: (reference, signal, checkpoint) => startContainer(parts, reference, signal, checkpoint),
    createCheckpoint: (reference, request) => createCheckpoint(parts, reference, request),
    listCheckpoints: (reference, directory) => listCheckpoints(parts, reference, directory),
    removeCheckpoint: (reference, choice) => removeCheckpoint(parts, reference, choice),
    stop: (reference, stopOptions) => stopContainer(parts, reference, stopOptions),
    restart: (reference, stopOptions) => restartContainer(parts, reference, stopOptions),
    kill: (reference, signal) => killContainer(parts, reference, signal),
    pause: (reference) => pauseContainer(parts, reference),
    unpause: (reference) => unpauseContainer(parts, reference),
    rename: (reference, name) => renameContainer(parts, reference, name),
    renameVolume: (name, newName) => renameVolume(parts, name, newName),
    createNetwork: (request) => createNetwork(parts, request),
    removeNetwork: (reference) => removeNetwork(parts, reference),
    pruneNetworks: (filters) => pruneNetworks(parts, filters),
    connectNetwork: (network, request) => connectNetwork(parts, network, request),
    disconnectNetwork: (network, request) => disconnectNetwork(parts, network, request),
    update: (reference, request) => updateContainer(parts, reference, request),
    remove: (reference, removeOptions) => removeContainer(parts, reference, removeOptions),
    prune: (filters) => pruner.prune(filters),
    audit: () => auditContainers(parts),
    allRecords: () => parts.registry.all(),
    previewPrune: (filters) => pruner.preview(filters),
    list: (request) => listContainers(parts, reader, request),
    get: async (reference, getOptions) => {
      const details = reader.detailsOf(parts.registry.resolve(reference));
      return getOptions?.withSizes ? await withSizes(parts, details) : details;
    },
    resolve: (reference) => parts.registry.resolve(reference).id,
    wait: (reference, condition, signal) => waitForContainer(parts, reference, condition, signal),
    logs: (reference, request, signal) => readLogs(parts, reference, request, signal),
    attach: (reference, signal, attachOptions) =>
      attachToContainer(parts, reference, signal, attachOptions),
    resize: (reference, size) => resizeContainer(parts, reference, size),
    top: (reference, psArguments) => topOfContainer(parts, reference, psArguments),
    stats: async (reference) => sampleStats(parts, reference),
    createExec: async (reference, config) => createExec(parts, reference, config),
    startExec: (execId, startOptions, signal) => startExec(parts, execId, startOptions, signal),
    leaveExec: (execId) => leaveExec(parts, execId),
    inspectExec: (execId) => parts.execs.get(execId),
    resizeExec: (execId, size) => resizeExec(parts, execId, size),
    statPath: (reference, path, signal) => statInContainer(parts, reference, path, signal),
    readArchive: (reference, path, signal) => readFromContainer(parts, reference, path, signal),
    writeArchive: (reference, target, archive, signal) =>
      writeToContainer(parts, reference, target, archive, signal),
    export: (reference, signal) => exportContainer(parts, reference, signal),
    changes: (reference, signal) => changesOfContainer(parts, reference, signal),
    commit: (reference, request, signal) => commitContainer(parts, reference, request, signal),
    reconcile: () => reconcileContainers(parts),
    stepUsers: openStepUsers(parts),
    runStep: (request, given, signal) => runStep(parts, request, given, signal),
    openStep: (request, given, signal) => openStep(parts, request, given, signal),
    stopAll: async (timeoutMs) => {
      isEnding = true;
      await stopAllContainers(parts, timeoutMs);
    },
    counts: () => countContainers(parts),
    [Symbol.asyncDispose]: async () => {
      isEnding = true;
      await parts.background[Symbol.asyncDispose]();
      await parts.execsAhead[Symbol.asyncDispose]();
      await parts.supervisorsAhead[Symbol.asyncDispose]();
      parts.mappingNamespaces[Symbol.dispose]();
    },
  };
}
