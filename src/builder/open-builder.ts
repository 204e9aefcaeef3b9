import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { abortable } from "#base/async.ts";
import { firstFailure, InvalidArgumentError, UnsupportedError } from "#base/errors.ts";
import { newInvocationId, runOf } from "./attestations/invocation.ts";
import { writeProvenance } from "./attestations/provenance.ts";
import { makeSbom } from "./attestations/make-sbom.ts";
import type { Attestation } from "./attestations/statement.ts";
import { type AttestationWishes, readAttestationWishes } from "./attestations/wishes.ts";
import { type BuildOptions, readBuildOptions } from "./attributes.ts";
import type {
  Builder,
  CacheRecord,
  Checked,
  CheckBuildRequest,
  Described,
  ExportRequest,
  ExportResponse,
  Solved,
  SolvedImage,
  SolveRequest,
} from "./builder.ts";
import { outlineOf } from "./calls/outline.ts";
import { targetsOf } from "./calls/targets.ts";
import { exportCache, layersOfImages, sharedLayerOf } from "./cache/shared/export-cache.ts";
import { ImportedCaches } from "./cache/shared/imported-caches.ts";
import { readCacheTarget } from "./cache/shared/location.ts";
import { cacheUsage, pruneCache } from "./cache/prune.ts";
import { BuildChecks } from "./checks/build-checks.ts";
import { exportArchive } from "./exporters/archive-exporter.ts";
import { exportImage } from "./exporters/image-exporter.ts";
import { LayerPacker } from "./exporters/pack-layer.ts";
import { exportTree } from "./exporters/tree-exporter.ts";
import { DockerfileError, type SourceText } from "./language/dockerfile-error.ts";
import { checkSyntax } from "./language/frontend.ts";
import { type Dockerfile, readDockerfile } from "./language/stages.ts";
import type { BuilderParts } from "./parts.ts";
import { isRemoteContext } from "./remote/remote-context.ts";
import { BuildSolver } from "./solver/build-solver.ts";
import { CacheMounts } from "./solver/cache-mounts.ts";
import type { OnStepFailed } from "./solver/failed-step.ts";
import type { SharedSolving, Solving } from "./solver/solving.ts";
import { BUILD_SNAPSHOT_PREFIX, StepLayers } from "./solver/step-layers.ts";
import { Vertices } from "./solver/vertices.ts";
import { StepMemory } from "./why/step-memory.ts";
import { readDefinition } from "./sources/contexts.ts";
import { SharedLocals } from "./sources/shared-locals.ts";
import type { Lease } from "#images/leases.ts";
import type { ChainId } from "#spec/digest.ts";

/** Opens the builder. What builds left that an engine's death cut off goes first. */
export async function openBuilder(parts: BuilderParts): Promise<Builder> {
  mkdirSync(join(parts.directory, "cache-mounts"), { recursive: true, mode: 0o700 });
  rmSync(parts.runDirectory, { recursive: true, force: true });
  mkdirSync(parts.runDirectory, { recursive: true, mode: 0o711 });
  for (const { name, kind } of parts.snapshots.list()) {
    if (kind === "active" && name.startsWith(BUILD_SNAPSHOT_PREFIX)) {
      await parts.snapshots.remove(name);
    }
  }
  return new LocalBuilder(parts);
}

/** Of one build, and what it has held so far. */
interface CountingLease extends Lease {
  layers(): readonly ChainId[];
}

interface HeldSolved extends Solved {
  readonly lease: CountingLease;
}

/** What a build has before its file is read. */
type BegunBuild = Pick<Solving, "options" | "vertices" | "definition"> & {
  readonly startedMs: number;
};

class LocalBuilder implements Builder {
  readonly #parts: BuilderParts;
  readonly #shared: SharedSolving;
  readonly #packer: LayerPacker;
  /** Results and the leases that hold them. */
  readonly #held = new WeakMap<Solved, HeldSolved>();
  readonly #ending = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  constructor(parts: BuilderParts) {
    this.#parts = parts;
    this.#packer = new LayerPacker(parts);
    this.#shared = {
      parts,
      layers: new StepLayers(parts),
      caches: new CacheMounts(parts),
      memory: new StepMemory(parts.records.store),
      underWay: new Map(),
      inUse: new Map(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await Promise.allSettled(this.#running);
  }

  async solve(request: SolveRequest, signal: AbortSignal): Promise<Solved> {
    const either = AbortSignal.any([signal, this.#ending.signal]);
    return await this.#tracked(this.#solve(request, either));
  }

  async check(request: CheckBuildRequest, signal: AbortSignal): Promise<Checked> {
    const either = AbortSignal.any([signal, this.#ending.signal]);
    return await this.#tracked(this.#check(request, either));
  }

  async export(
    solved: Solved,
    request: ExportRequest,
    signal: AbortSignal,
  ): Promise<ExportResponse> {
    const held = this.#held.get(solved);
    if (!held) throw new InvalidArgumentError("Cannot export: the result was given back already");
    const either = AbortSignal.any([signal, this.#ending.signal]);
    return await this.#tracked(this.#export(held, request, either));
  }

  async exportCache(
    solved: Solved,
    request: Parameters<Builder["exportCache"]>[1],
    signal: AbortSignal,
  ): Promise<ExportResponse> {
    const held = this.#held.get(solved);
    if (!held) throw new InvalidArgumentError("Cannot export: the result was given back already");
    const either = AbortSignal.any([signal, this.#ending.signal]);
    return await this.#tracked(this.#exportCache(held, request, either));
  }

  usage(): Promise<readonly CacheRecord[]> {
    return cacheUsage(this.#shared);
  }

  prune(request: Parameters<Builder["prune"]>[0]): ReturnType<Builder["prune"]> {
    return pruneCache(this.#shared, request);
  }

  async #tracked<Result>(work: Promise<Result>): Promise<Result> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }

  async #check(request: CheckBuildRequest, signal: AbortSignal): Promise<Checked> {
    const begun = await this.#begin(request, signal);
    return await placed(begun.definition, async () => {
      const { checks } = this.#read(request, begun);
      return { ...(await checks.report()), source: begun.definition };
    });
  }

  async describe(request: CheckBuildRequest, signal: AbortSignal): Promise<Described> {
    const either = AbortSignal.any([signal, this.#ending.signal]);
    const { definition, options } = await this.#tracked(this.#begin(request, either));
    const { platform: build } = this.#parts;
    const target = options.platforms[0] ?? build;
    return await placed(definition, async () => {
      const file = readDockerfile(definition.text);
      return {
        outline: () => outlineOf(file, options, { build, target }),
        targets: () => targetsOf(file),
        source: definition,
      };
    });
  }

  async #solve(request: SolveRequest, signal: AbortSignal): Promise<Solved> {
    const begun = await this.#begin(request, signal);
    return await placed(begun.definition, () => this.#build(request, begun, signal));
  }

  async #begin(request: CheckBuildRequest, signal: AbortSignal): Promise<BegunBuild> {
    const { clock, platform: host } = this.#parts;
    const options = readBuildOptions(request.attributes, host);
    const startedMs = clock.nowMs();
    const vertices = new Vertices(clock, request.onEvent);
    const definition = await readDefinition(request.locals, options, vertices, signal);
    return { options, vertices, definition, startedMs };
  }

  /** @throws {DockerfileError} The file cannot be read. {InvalidArgumentError} Options of the checks that are none. */
  #read(
    { credentials }: CheckBuildRequest,
    begun: BegunBuild,
  ): { readonly file: Dockerfile; readonly checks: BuildChecks } {
    const file = readDockerfile(begun.definition.text);
    const given = { ...begun, file, ...(credentials ? { credentials } : {}) };
    return { file, checks: new BuildChecks(this.#parts, given) };
  }

  async #build(request: SolveRequest, begun: BegunBuild, signal: AbortSignal): Promise<Solved> {
    const { images, platform: host } = this.#parts;
    const wishes = readAttestationWishes(request.attributes);
    if (request.mindsSyntax === true) {
      checkSyntax(begun.definition.text, request.attributes["build-arg:BUILDKIT_SYNTAX"]);
    }
    const { file, checks } = this.#read(request, begun);
    await checks.before(signal);
    await using warnings = new AsyncDisposableStack();
    warnings.defer(() => checks.after());
    await using undo = new AsyncDisposableStack();
    const lease = undo.use(countingLease(images.lease(), this.#shared.inUse));
    const imported = await this.#importCaches(request, begun.vertices, signal);
    await using locals = new SharedLocals(request.locals);
    const failure = new AbortController();
    const either = AbortSignal.any([signal, failure.signal]);
    const emptiedCaches = new Set<string>();
    const onStepFailed = letIn(request, { begun, checks, failure }, signal);
    const own = { ...request, locals, ...(onStepFailed ? { onStepFailed } : {}) };
    const asked = { ...begun, request: own };
    const shared = { ...asked, file, lease, imported, emptiedCaches };
    const platforms = begun.options.platforms.length === 0 ? [host] : begun.options.platforms;
    const results = await Promise.allSettled(
      platforms.map(async (platform) => {
        try {
          const given = { ...shared, platform };
          return await this.#buildFor(given, { wishes, startedMs: begun.startedMs }, either);
        } catch (error) {
          // the first failure ends the builds for the others, which end with it
          if (!failure.signal.aborted) failure.abort(error);
          throw error;
        }
      }),
    );
    signal.throwIfAborted();
    if (failure.signal.aborted) throw failure.signal.reason;
    const solved = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    const open = undo.move();
    const result: HeldSolved = {
      images: solved,
      lease,
      [Symbol.asyncDispose]: () => open.disposeAsync(),
    };
    this.#held.set(result, result);
    return result;
  }

  /** Builds for one platform, and finds what is to be stated of the result. */
  async #buildFor(
    solving: Solving & { readonly request: { readonly locals: SharedLocals } },
    { wishes, startedMs }: { readonly wishes: AttestationWishes; readonly startedMs: number },
    signal: AbortSignal,
  ): Promise<SolvedImage> {
    const { clock, platform: host, randomBytes } = this.#parts;
    await using solver = new BuildSolver(this.#shared, solving, signal);
    const image = await solver.solve();
    const attestations: Attestation[] = [];
    if (wishes.sbom) {
      const parts = { ...this.#parts, layers: this.#shared.layers };
      attestations.push(...(await makeSbom(parts, { solving, image }, wishes.sbom, signal)));
    }
    if (wishes.provenance) {
      const { options, definition, request } = solving;
      const facts = {
        attributes: request.attributes,
        nodes: solver.trace.nodes,
        target: await solver.targetNode(),
        materials: solver.trace.materials,
        credentials: solver.trace.credentials,
        locals: localsOf(request.locals, options),
        source: definition,
        builderPlatform: host,
      };
      const { sourceDateSeconds } = options;
      const run = runOf(sourceDateSeconds, facts, {
        id: newInvocationId(randomBytes),
        startedMs,
        finishedMs: clock.nowMs(),
      });
      attestations.push(writeProvenance({ ...facts, ...run }, wishes.provenance));
    }
    return { ...image, attestations };
  }

  async #importCaches(
    { cacheImports = [], credentials, stores }: SolveRequest,
    vertices: Vertices,
    signal: AbortSignal,
  ): Promise<ImportedCaches> {
    const imported = new ImportedCaches(this.#parts);
    for (const location of cacheImports) {
      await imported.open(location, { vertices, client: { credentials, stores } }, signal);
    }
    return imported;
  }

  async #exportCache(
    { images, lease }: HeldSolved,
    { location, credentials, stores, onEvent }: Parameters<Builder["exportCache"]>[1],
    signal: AbortSignal,
  ): Promise<ExportResponse> {
    const target = readCacheTarget(location);
    if (target.kind === "inline") return {}; // the image has it
    const parts = { ...this.#parts, layers: this.#shared.layers, packer: this.#packer };
    const shared = target.isWhole
      ? lease.layers().flatMap((chainId) => sharedLayerOf(parts, chainId) ?? [])
      : layersOfImages(parts, images);
    const vertices = new Vertices(this.#parts.clock, onEvent);
    const where = target.kind === "local" ? "client directory" : "registry";
    try {
      const client = { credentials, stores };
      return await vertices.run(`exporting cache to ${where}`, [], (vertex) =>
        exportCache(parts, shared, target, { vertex, lease, client }, signal),
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!target.ignoresErrors) throw error;
      return {};
    }
  }

  async #export(
    { images, lease }: HeldSolved,
    request: ExportRequest,
    signal: AbortSignal,
  ): Promise<ExportResponse> {
    const parts = { ...this.#parts, layers: this.#shared.layers, packer: this.#packer };
    switch (request.type) {
      case "image":
      case "moby":
        return await exportImage(parts, images, request, lease, signal);
      case "docker":
      case "oci":
        return await exportArchive(parts, images, request, lease, signal);
      case "local":
      case "tar":
        return await exportTree(parts, images, request, signal);
      default:
        throw new UnsupportedError(`exporter ${JSON.stringify(request.type)} could not be found`);
    }
  }
}

/**
 * What a step that fails does where its client may look into it: all else of the build ends first.
 *
 * @param signal Of the build: an abort ends the look into it.
 */
function letIn(
  { onStepFailed }: SolveRequest,
  {
    begun,
    checks,
    failure,
  }: {
    readonly begun: BegunBuild;
    readonly checks: BuildChecks;
    readonly failure: AbortController;
  },
  signal: AbortSignal,
): OnStepFailed | undefined {
  if (!onStepFailed) return undefined;
  return async (step) => {
    // another has failed, or the build is given up
    if (signal.aborted || failure.signal.aborted) return;
    const { error } = step;
    if (error instanceof DockerfileError) error.source ??= begun.definition;
    failure.abort(error);
    // nobody would see them later
    await checks.after();
    await abortable(onStepFailed(step), signal).catch(() => undefined); // given up
  };
}

/** Folders of the client's that a build asked for: that of the file is read before the others. */
function localsOf(locals: SharedLocals, options: BuildOptions): readonly string[] {
  const names = locals.names.filter((name) => !isRemoteContext(name));
  const isElsewhere = options.context !== undefined;
  return isElsewhere ? names : [...new Set([...names, options.dockerfileKey])].toSorted();
}

/** Errors of the work say which text they are about. */
async function placed<Result>(source: SourceText, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (thrown) {
    const error = firstFailure(thrown);
    if (error instanceof DockerfileError) error.source ??= source;
    throw thrown;
  }
}

/** A lease that also tells which layers are in use. */
function countingLease(lease: Lease, inUse: Map<ChainId, number>): CountingLease {
  const own = new Set<ChainId>();
  return {
    layers: () => [...own],
    add: (digest) => lease.add(digest),
    addImage: (id) => lease.addImage(id),
    addLayer: (chainId) => {
      lease.addLayer(chainId);
      if (own.has(chainId)) return;
      own.add(chainId);
      inUse.set(chainId, (inUse.get(chainId) ?? 0) + 1);
    },
    [Symbol.dispose]: () => {
      for (const chainId of own) {
        const left = (inUse.get(chainId) ?? 1) - 1;
        if (left > 0) inUse.set(chainId, left);
        else inUse.delete(chainId);
      }
      own.clear();
      lease[Symbol.dispose]();
    },
  };
}
