import type { Platform } from "#spec/platform.ts";
import { type RpcCall, type RpcMethod, type RpcMethods, serverStream, unary } from "#rpc/method.ts";
import {
  CONTROL_SERVICE,
  DISK_USAGE_REQUEST,
  DISK_USAGE_RESPONSE,
  INFO_RESPONSE,
  LIST_WORKERS_RESPONSE,
  PRUNE_REQUEST,
  SOLVE_REQUEST,
  SOLVE_RESPONSE,
  STATUS_REQUEST,
  STATUS_RESPONSE,
  USAGE_RECORD,
  type UsageRecord,
} from "#spec/buildkit/control.ts";
import {
  BUILD_ID_KEY,
  EVALUATE_REQUEST,
  EXEC_CAPABILITY,
  GATEWAY_SERVICE,
  GATEWAY_SOLVE_REQUEST,
  GATEWAY_SOLVE_RESPONSE,
  PONG_RESPONSE,
  RETURN_REQUEST,
} from "#spec/buildkit/gateway.ts";
import {
  type BuildkitVersion,
  EMPTY,
  toTimestamp,
  type WirePlatform,
  type WorkerRecord,
} from "#spec/buildkit/shared.ts";
import type { CacheRecord } from "#builder/builder.ts";
import { NEW_CONTAINER_REQUEST, RELEASE_CONTAINER_REQUEST } from "#spec/buildkit/exec.ts";
import { execProcessMethod } from "#buildkit/exec/exec-process.ts";
import { cacheFilters } from "./cache-filters.ts";
import { withSource } from "./failure.ts";
import { HeldFailure, tellingFailures } from "./held-failure.ts";
import { sessionMethod } from "#buildkit/session/tunnelled-session.ts";
import {
  checkFrontend,
  failedResultOf,
  resultOf,
  runFrontend,
  solve,
  type SolveParts,
} from "./solve.ts";
import { historyMethods } from "#buildkit/history/services.ts";
import { usageFilter } from "./usage-filters.ts";
import { answerSubrequest } from "./subrequests.ts";

export interface ServiceParts extends SolveParts {
  readonly engineId: string;
  /** The storage driver's name. */
  readonly snapshotter: string;
  readonly version: string;
  /** What can be built for, the host's first. */
  readonly platforms: () => readonly Platform[];
}

/** What a client needs of the frontend before it gives it anything; without `return` buildx waits for ever. */
const FRONTEND_CAPABILITIES: readonly string[] = [
  "reference.output",
  "return",
  "returnmap",
  "proto.refarray",
  "frontend.inputs",
  "frontend.caps",
  "importcaches",
  "gateway.solve.metadata",
  "gateway.evaluate",
  "gateway.evaluate.solve",
  EXEC_CAPABILITY,
  "gateway.exec.signals",
];
/** Of what would run a client's own graphs; there are none, so only what exporters can do. */
const OPERATION_CAPABILITIES: readonly string[] = [
  "exporter.multiple",
  // what makes buildx ask for provenance
  "exporter.image.attestations",
];

/** Everything that a client of BuildKit calls. */
export function buildkitMethods(parts: ServiceParts): RpcMethods {
  const version: BuildkitVersion = {
    package: "wharf",
    version: `v${parts.version}`,
    revision: "",
  };
  const worker = (): WorkerRecord => workerOf(parts, version);
  const control: Readonly<Record<string, RpcMethod>> = {
    Solve: unary(SOLVE_REQUEST, SOLVE_RESPONSE, (request, { signal }) =>
      solve(parts, request, signal),
    ),
    Status: serverStream(STATUS_REQUEST, STATUS_RESPONSE, async function* status({ ref }, call) {
      if (parts.history.has(ref)) {
        yield* parts.history.progress(ref);
        return;
      }
      const build = await parts.builds.find(ref, call.signal);
      yield* build.progress.read(call.signal);
    }),
    Session: sessionMethod(parts.sessions),
    ListWorkers: unary(EMPTY, LIST_WORKERS_RESPONSE, async () => ({ records: [worker()] })),
    Info: unary(EMPTY, INFO_RESPONSE, async () => ({ version })),
    DiskUsage: unary(DISK_USAGE_REQUEST, DISK_USAGE_RESPONSE, async ({ filters }) => {
      const isMeant = usageFilter(filters);
      return { records: (await parts.builder.usage()).map(toUsageRecord).filter(isMeant) };
    }),
    Prune: serverStream(PRUNE_REQUEST, USAGE_RECORD, async function* prune(request) {
      const before = new Map((await parts.builder.usage()).map((one) => [one.id, one]));
      const { ids } = await parts.builder.prune({
        all: request.all,
        filters: cacheFilters(request.filters, request.keepDurationNanos),
        limits: request,
      });
      for (const id of ids) {
        const record = before.get(id);
        if (record) yield toUsageRecord(record);
      }
    }),
  };
  const buildOf = ({ metadata, signal }: Pick<RpcCall, "metadata" | "signal">) =>
    parts.builds.find(metadata.get(BUILD_ID_KEY)?.[0] ?? "", signal);
  const gateway: Readonly<Record<string, RpcMethod>> = {
    Ping: unary(EMPTY, PONG_RESPONSE, async () => ({
      frontend: FRONTEND_CAPABILITIES.map((id) => ({ id, isEnabled: true })),
      operations: OPERATION_CAPABILITIES.map((id) => ({ id, isEnabled: true })),
      workers: [worker()],
    })),
    Solve: unary(GATEWAY_SOLVE_REQUEST, GATEWAY_SOLVE_RESPONSE, async (request, call) => {
      const build = await buildOf(call);
      try {
        const { frontend, attributes } = request;
        if ((attributes.get("requestid") ?? "") !== "") {
          checkFrontend(frontend, attributes);
          const metadata = await answerSubrequest(parts, build, attributes, call.signal);
          return { result: { ref: undefined, refs: undefined, metadata, attestations: new Map() } };
        }
        const id = await tellingFailures(
          build,
          (onStepFailed, signal) => runFrontend(parts, build, request, signal, onStepFailed),
          call.signal,
        );
        return { result: resultOf(build, id) };
      } catch (error) {
        // BuildKit runs steps when they are evaluated: clients take what `Solve` fails with for the frontend's
        if (error instanceof HeldFailure && !request.evaluates) {
          return { result: failedResultOf(build.addFailure(error), error) };
        }
        throw withSource(error);
      }
    }),
    // a result is there as soon as it has a name
    Evaluate: unary(EVALUATE_REQUEST, EMPTY, async ({ ref }, call) => {
      (await buildOf(call)).result(ref);
      return {};
    }),
    NewContainer: unary(NEW_CONTAINER_REQUEST, EMPTY, async (request, call) => {
      await (await buildOf(call)).containers.create(request);
      return {};
    }),
    ReleaseContainer: unary(RELEASE_CONTAINER_REQUEST, EMPTY, async ({ containerId }, call) => {
      await (await buildOf(call)).containers.release(containerId);
      return {};
    }),
    ExecProcess: execProcessMethod(async (call) => (await buildOf(call)).containers),
    Return: unary(RETURN_REQUEST, EMPTY, async (request, call) => {
      (await buildOf(call)).return(request);
      return {};
    }),
  };
  return new Map([
    ...historyMethods(parts.history),
    ...Object.entries(control).map(
      ([name, method]) => [`${CONTROL_SERVICE}${name}`, method] as const,
    ),
    ...Object.entries(gateway).map(
      ([name, method]) => [`${GATEWAY_SERVICE}${name}`, method] as const,
    ),
  ]);
}

function workerOf(
  { engineId, platforms, snapshotter }: ServiceParts,
  version: BuildkitVersion,
): WorkerRecord {
  return {
    id: engineId,
    labels: new Map([
      ["org.mobyproject.buildkit.worker.executor", "oci"],
      // what lets buildx ask for archives, pushes, caches elsewhere and several platforms
      ["org.mobyproject.buildkit.worker.snapshotter", snapshotter],
    ]),
    platforms: platforms().map(toWirePlatform),
    gcPolicies: [],
    version,
  };
}

function toWirePlatform({ os, architecture, variant = "" }: Platform): WirePlatform {
  return { os, architecture, variant };
}

function toUsageRecord(record: CacheRecord): UsageRecord {
  return {
    id: record.id,
    isMutable: record.type !== "regular",
    isInUse: record.isInUse,
    sizeBytes: record.sizeBytes,
    created: toTimestamp(record.createdMs),
    lastUsed: record.lastUsedMs === undefined ? undefined : toTimestamp(record.lastUsedMs),
    usageCount: record.usageCount,
    description: record.description,
    recordType: record.type,
    isShared: record.isShared,
    parents: record.parents,
  };
}
