import { abortable } from "#base/async.ts";
import { FailedPreconditionError, UnsupportedError, firstFailure } from "#base/errors.ts";
import type {
  Builder,
  ExportRequest,
  ExportResponse,
  Solved,
  SolvedImage,
} from "#builder/builder.ts";
import type { CacheOptionsEntry } from "#spec/buildkit/shared.ts";
import { type CacheLocation, readCacheTarget } from "#builder/cache/shared/location.ts";
import type { BuildEvent } from "#builder/events.ts";
import type { OnStepFailed } from "#builder/solver/failed-step.ts";
import { isDockerfileFrontend } from "#builder/language/frontend.ts";
import type { Exporter, SolveRequest, SolveResponse } from "#spec/buildkit/control.ts";
import {
  type GatewayResult,
  type GatewaySolveRequest,
  IMAGE_CONFIG_KEY,
  PLATFORMS_KEY,
  type Ref,
  type ReturnRequest,
} from "#spec/buildkit/gateway.ts";
import { formatPlatform, normalisePlatform } from "#spec/platform.ts";
import type { ClientSession, Sessions } from "#buildkit/session/client-session.ts";
import { type FolderParts, openBuildFolders } from "#buildkit/session/build-folders.ts";
import { sendArchive, sendTree } from "#buildkit/session/send-tree.ts";
import {
  sessionAgents,
  sessionCredentials,
  sessionSecrets,
} from "#buildkit/session/session-sources.ts";
import { sessionStores } from "#buildkit/session/session-stores.ts";
import type { BuildHistory } from "#buildkit/history/build-history.ts";
import { recordFailure, recordSuccess } from "#buildkit/history/record-build.ts";
import { CANCELLED, StatusError, UNKNOWN } from "#rpc/status.ts";
import type { Builds } from "./builds.ts";
import { withSource } from "./failure.ts";
import { definitionOf, failedDefinition, readResultDefinition } from "./result-definition.ts";
import { RunningBuild } from "./running-build.ts";

export interface SolveParts extends FolderParts {
  readonly builder: Builder;
  readonly builds: Builds;
  readonly sessions: Sessions;
  readonly history: BuildHistory;
}

/** What is built: how, and what by. */
export interface FrontendCall {
  readonly frontend: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly inputs: GatewaySolveRequest["inputs"];
  readonly cacheImports: readonly CacheOptionsEntry[];
}

/**
 * `Control.Solve`: builds, or lets the client drive the build, then gives the result to the exporters.
 *
 * @param upload The context, where the client sent it elsewhere than in its session.
 */
export async function solve(
  parts: SolveParts,
  request: SolveRequest,
  signal: AbortSignal,
  upload?: AsyncIterable<Uint8Array>,
): Promise<SolveResponse> {
  const { ref, sessionId, entitlements } = request;
  const caches = (request.cache?.exports ?? []).map(toLocation);
  const session = sessionId === "" ? undefined : await parts.sessions.find(sessionId, signal);
  const exporters = exportersOf(request);
  // a client's looks at what there is are no builds
  const record = request.isInternal
    ? undefined
    : parts.history.begin(
        ref,
        exporters.map(({ type, attributes }) => ({
          type,
          attributes: Object.fromEntries(attributes),
        })),
      );
  await using build = new RunningBuild({
    record,
    ref,
    session,
    entitlements,
    cacheImports: request.cache?.imports ?? [],
    signal,
    ...(upload ? { upload } : {}),
  });
  try {
    using _added = parts.builds.add(build);
    // what cannot be written is refused before anything is built
    for (const location of caches) readCacheTarget(location);
    const solved =
      request.frontend === ""
        ? await driven(build)
        : build.result(
            await runFrontend(
              parts,
              build,
              {
                frontend: request.frontend,
                attributes: request.frontendAttributes,
                inputs: request.frontendInputs,
                cacheImports: request.cache?.imports ?? [],
              },
              build.signal,
            ),
          );
    const exported = solved ? await exportAll(parts, build, solved, { exporters, caches }) : {};
    if (record) recordSuccess(record, solved, exported);
    return { exporterResponse: new Map(Object.entries(exported)) };
  } catch (error) {
    if (record) recordFailure(record, firstFailure(error), signal.aborted ? CANCELLED : UNKNOWN);
    throw withSource(error);
  }
}

/** Waits until the client has driven the build to its end. @returns Undefined where nothing was to be built. */
async function driven(build: RunningBuild): Promise<Solved | undefined> {
  const { result, error }: ReturnRequest = await abortable(build.returned, build.signal);
  if (error) throw new StatusError(error);
  const [first] = result?.refs?.refs.values() ?? [];
  const ref = (result?.ref ?? first)?.id ?? "";
  return ref === "" ? undefined : build.result(ref);
}

/**
 * Builds by a frontend; there is the one for Dockerfiles.
 *
 * @returns The result's name.
 */
export async function runFrontend(
  parts: SolveParts,
  build: RunningBuild,
  { frontend, attributes, inputs, cacheImports }: FrontendCall,
  signal: AbortSignal,
  onStepFailed?: OnStepFailed,
): Promise<string> {
  checkFrontend(frontend, attributes);
  build.record?.describe(frontend, attributes);
  const asked = attributes.get("requestid") ?? "";
  if (asked !== "") {
    throw new UnsupportedError(
      `Cannot answer subrequest ${asked} with a build: ask LLBBridge.Solve`,
    );
  }
  const results = new Map(
    [...inputs].map(
      ([name, definition]) => [name, readResultDefinition(name, definition)] as const,
    ),
  );
  const { session } = build;
  if (!session) throw new FailedPreconditionError("Cannot build without a session");
  const either = AbortSignal.any([signal, build.signal]);
  const onEvent = (event: BuildEvent): void => build.progress.take(event);
  await using stack = new AsyncDisposableStack();
  const locals = await openBuildFolders(
    parts,
    { session, attributes, onEvent, stack, upload: build.upload },
    either,
  );
  const solved = await parts.builder.solve(
    {
      attributes: Object.fromEntries(attributes),
      inputs: results,
      locals,
      secrets: sessionSecrets(session),
      ssh: sessionAgents(session),
      credentials: sessionCredentials(session),
      stores: sessionStores(session),
      cacheImports: (cacheImports.length > 0 ? cacheImports : build.cacheImports).map(toLocation),
      entitlements: new Set(build.entitlements),
      onEvent,
      ...(onStepFailed ? { onStepFailed } : {}),
      mindsSyntax: true,
    },
    either,
  );
  return await build.addResult(solved);
}

/** @throws {UnsupportedError} There is no such frontend. */
export function checkFrontend(frontend: string, attributes: ReadonlyMap<string, string>): void {
  if (frontend === "dockerfile.v0") return;
  const source = attributes.get("source") ?? "";
  if (frontend === "gateway.v0" && isDockerfileFrontend(source)) return;
  const name = frontend === "gateway.v0" ? `${frontend} with ${source}` : frontend;
  throw new UnsupportedError(`Cannot build by frontend ${name}: there is dockerfile.v0`);
}

function exportersOf(request: SolveRequest): readonly Exporter[] {
  if (request.exporters.length > 0) return request.exporters;
  if (request.exporterType === "") return [];
  return [{ type: request.exporterType, attributes: request.exporterAttributes }];
}

async function exportAll(
  { builder }: SolveParts,
  build: RunningBuild,
  solved: Solved,
  targets: { readonly exporters: readonly Exporter[]; readonly caches: readonly CacheLocation[] },
): Promise<ExportResponse> {
  const { session, signal, progress } = build;
  const { exporters, caches } = targets;
  const onEvent = (event: BuildEvent): void => progress.take(event);
  const identity = session ? { credentials: sessionCredentials(session) } : {};
  const responses: Record<string, string> = {};
  for (const [index, { type, attributes }] of exporters.entries()) {
    const id = String(index);
    const response = await builder.export(
      solved,
      {
        type,
        attributes: Object.fromEntries(attributes),
        onEvent,
        isInlineCache: caches.some((location) => location.type === "inline"),
        ...(session ? outputsOf(session, id, signal) : {}),
        ...identity,
      },
      signal,
    );
    Object.assign(responses, response);
  }
  for (const location of caches) {
    const stores = session ? { stores: sessionStores(session) } : {};
    const given = { location, onEvent, ...identity, ...stores };
    Object.assign(responses, await builder.exportCache(solved, given, signal));
  }
  return responses;
}

function toLocation({ type, attributes }: CacheOptionsEntry): CacheLocation {
  return { type, attributes: Object.fromEntries(attributes) };
}

function outputsOf(
  session: ClientSession,
  id: string,
  signal: AbortSignal,
): {
  readonly output: (bytes: AsyncIterable<Uint8Array>) => Promise<void>;
  readonly tree: NonNullable<ExportRequest["tree"]>;
} {
  return {
    output: (bytes) => sendArchive(session, id, bytes, signal),
    tree: (exported) => sendTree(session, id, exported, signal),
  };
}

/**
 * A result as a client sees it: a name, and a graph of one operation that stands for it. Of several platforms each has such
 * a graph; the name is that of them all.
 */
export function resultOf(build: RunningBuild, id: string): GatewayResult {
  const { images } = build.result(id);
  const [image, ...others] = images;
  const attestations = new Map<string, Uint8Array>();
  if (others.length > 0) return { ...platformResults(id, images), attestations };
  const known = image && definitionOf(image);
  const metadata = new Map(known ? [[IMAGE_CONFIG_KEY, known.config]] : []);
  return { ref: { id, definition: known?.definition }, refs: undefined, metadata, attestations };
}

function platformResults(
  id: string,
  images: readonly SolvedImage[],
): Pick<GatewayResult, "ref" | "refs" | "metadata"> {
  const refs = new Map<string, Ref>();
  const metadata = new Map<string, Uint8Array>();
  const platforms = images.map((image) => {
    const name = formatPlatform(normalisePlatform(image.platform));
    const known = definitionOf(image);
    refs.set(name, { id, definition: known?.definition });
    if (known) metadata.set(`${IMAGE_CONFIG_KEY}/${name}`, known.config);
    return { ID: name, Platform: normalisePlatform(image.platform) };
  });
  metadata.set(PLATFORMS_KEY, Buffer.from(JSON.stringify({ Platforms: platforms })));
  return { ref: undefined, refs: { refs }, metadata };
}

/** A result that cannot be had: whoever evaluates it is told why. */
export function failedResultOf(id: string, error: StatusError): GatewayResult {
  return {
    ref: { id, definition: failedDefinition(error) },
    refs: undefined,
    metadata: new Map(),
    attestations: new Map(),
  };
}
