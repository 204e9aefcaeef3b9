import { findNamedContext, hasNamedContext } from "#builder/named-contexts.ts";
import type { SolvedImage, StageBase } from "#builder/builder.ts";
import { evaluateInstruction } from "#builder/graph/evaluate.ts";
import type { EvaluationContext } from "#builder/graph/evaluation.ts";
import { globalArguments } from "#builder/graph/global-arguments.ts";
import { neededStages, planStages, resolveOrigin, type StagePlan } from "#builder/graph/stages.ts";
import { beginStage, type StageState } from "#builder/graph/stage-state.ts";
import type { FileOrigin, Step } from "#builder/graph/step.ts";
import type { StageInstruction } from "#builder/language/instruction.ts";
import { BuildTrace } from "#builder/attestations/trace.ts";
import { parseTrigger } from "#builder/language/parse-file.ts";
import { readStageInstruction } from "#builder/language/read-instruction.ts";
import { type BaseImage, stateOfImage } from "#builder/sources/image-source.ts";
import { chainIdsOf, type Digest, digestOf } from "#spec/digest.ts";
import { EMPTY_EXECUTION_CONFIG, imageConfigToWire, type ImageConfig } from "#spec/oci-image.ts";
import { formatPlatform, parsePlatform, type Platform } from "#spec/platform.ts";
import { BaseImages } from "./base-images.ts";
import { type BuiltLayer, topOf } from "./built-layer.ts";
import { isStep, Numbering } from "./numbering.ts";
import { OriginTrees } from "./origin-trees.ts";
import { RemoteSources } from "./remote-sources.ts";
import { type StepExecution, StepExecutor } from "./step-executor.ts";
import type { SharedSolving, Solving } from "./solving.ts";
import type { OpenVertex } from "./vertices.ts";

interface StageResult {
  readonly state: StageState;
  readonly layers: readonly BuiltLayer[];
  readonly base: StageBase;
  /** What made the topmost of them, in the trace; undefined for a stage without files. */
  readonly node?: string;
  /** Triggers that an image made from this one runs. */
  readonly triggers: readonly string[];
}

/**
 * Builds one Dockerfile for one platform. Every stage that is needed runs at once and waits for what it needs of others; a
 * stage's own steps follow each other.
 */
export class BuildSolver implements AsyncDisposable {
  readonly #shared: SharedSolving;
  readonly #solving: Solving;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #plan: StagePlan;
  readonly #images: BaseImages;
  readonly #trees: OriginTrees;
  readonly #numbering: Numbering;
  readonly #executor: StepExecutor;
  readonly #remotes: RemoteSources;
  readonly #stages = new Map<number, Promise<StageResult>>();
  readonly #failure = new AbortController();
  readonly #signal: AbortSignal;
  /** Stages whose layers become an image's. */
  readonly #exported: ReadonlySet<number>;
  readonly #needed: ReadonlySet<number>;
  /** What was done, and from what. */
  readonly trace: BuildTrace = new BuildTrace();

  /** @throws {DockerfileError} The plan cannot be. */
  constructor(shared: SharedSolving, solving: Solving, signal: AbortSignal) {
    this.#shared = shared;
    this.#solving = solving;
    this.#signal = AbortSignal.any([signal, this.#failure.signal]);
    const { file, options, platform } = solving;
    this.#globals = globalArguments(file.globalArgs, {
      buildArgs: options.buildArgs,
      build: shared.parts.platform,
      target: platform,
      targetStage: options.target ?? "default",
      escape: file.directives.escape,
    });
    this.#plan = planStages(file, {
      target: options.target,
      globalArgs: this.#globals,
      isNamedContext: (name) => this.#isNamedContext(name),
    });
    this.#exported = this.#ancestorsOf(this.#plan.target);
    this.#needed = neededStages(file, this.#plan, (name) => this.#isNamedContext(name));
    this.#numbering = new Numbering({
      file,
      plan: this.#plan,
      needed: this.#needed,
      platform,
      platforms: options.platforms,
      host: shared.parts.platform,
    });
    this.#images = new BaseImages(shared, solving, this.trace, this.#signal);
    this.#trees = new OriginTrees(
      {
        shared,
        solving,
        images: this.#images,
        topOfStage: async (index) => topOf((await this.#stage(index)).layers),
      },
      this.#signal,
    );
    this.#remotes = new RemoteSources(shared.parts, this.#signal);
    this.#executor = new StepExecutor({
      shared,
      solving,
      openTree: (origin) => this.#trees.open(origin),
      openMount: (origin, isReadOnly) => this.#trees.openMount(origin, isReadOnly),
      openApart: (chainId) => this.#trees.openApart(chainId),
      remotes: this.#remotes,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure.abort();
    await Promise.allSettled(this.#stages.values());
    await this.#trees[Symbol.asyncDispose]();
    this.#remotes[Symbol.dispose]();
  }

  /** The target's last operation in the trace. */
  async targetNode(): Promise<string | undefined> {
    return (await this.#stage(this.#plan.target)).node;
  }

  async solve(): Promise<Omit<SolvedImage, "attestations">> {
    // all begin now; which one waits for which is their own matter
    const stages = [...this.#needed].map((index) => this.#stage(index));
    const results = await Promise.allSettled(stages);
    const first = results.find((result) => result.status === "rejected");
    if (first) throw this.#failure.signal.aborted ? this.#failure.signal.reason : first.reason;
    const { state, layers, base } = await this.#stage(this.#plan.target);
    const { platform, options } = this.#solving;
    const config = this.#configOf(state, layers);
    const { sourceDateSeconds } = options;
    return {
      platform,
      config,
      layers,
      base,
      ...(sourceDateSeconds === undefined ? {} : { sourceDateSeconds }),
    };
  }

  #stage(index: number): Promise<StageResult> {
    let stage = this.#stages.get(index);
    if (!stage) {
      stage = this.#solveStage(index).catch((error: unknown) => {
        // the first failure ends all; the others end with it
        if (!this.#failure.signal.aborted) this.#failure.abort(error);
        throw error;
      });
      stage.catch(() => undefined); // told by `solve`
      this.#stages.set(index, stage);
    }
    return stage;
  }

  async #solveStage(index: number): Promise<StageResult> {
    const { file } = this.#solving;
    const stage = file.stages[index];
    const planned = this.#plan.stages[index];
    if (!stage || !planned) throw new RangeError(`stage ${index}`);
    const begun = await this.#begin(index);
    let { state, layers, node } = begun;
    const base = {
      ...(begun.imageId === undefined ? {} : { imageId: begun.imageId }),
      layerCount: layers.length,
      historyCount: state.history.length,
    };
    let previous: OpenVertex | undefined = begun.vertex;
    const triggers = begun.triggers.map((text) => readStageInstruction(parseTrigger(text)));
    const instructions = [...triggers, ...stage.instructions];
    const steps = 1 + instructions.filter(isStep).length;
    let step = 1;
    let isBeforeCached: boolean | undefined;
    for (const [position, instruction] of instructions.entries()) {
      this.#signal.throwIfAborted();
      const number = this.#numbering.numberOf(index) + 1 + position - triggers.length;
      const tell = this.#instruction(number, instruction.original);
      const context = this.#contextOf(index, instruction);
      const evaluated = evaluateInstruction(instruction, state, context);
      if (isStep(instruction)) step++;
      let isCached = false;
      if (evaluated.step) {
        const name = `${this.#numbering.prefix(index, step, steps)} ${evaluated.step.title}`;
        const inputs = previous ? [previous.id] : [];
        const vertex = this.#solving.vertices.add(name, inputs);
        tell("begin", { vertexId: vertex.id, isCached: false });
        const next = instructions.slice(position + 1).find(isStep);
        const isFollowed = next?.kind === "run";
        const { platform } = state;
        const given = {
          vertex,
          stageIndex: index,
          step: evaluated.step,
          isFollowed,
          platform,
          place: `${planned.name === "" ? index : planned.name} ${step} ${formatPlatform(platform)}`,
          name,
          isBeforeCached,
        };
        const outcome = await this.#executeIn(given, layers, context);
        layers = [...layers, outcome.layer];
        isCached = outcome.isCached;
        isBeforeCached = isCached;
        previous = vertex;
        node = await this.#traceStep(vertex.id, node, evaluated.step, layers, context);
        state = datedLast(evaluated.state, outcome.layer);
      } else {
        tell("begin", { isCached: false });
        state = evaluated.state;
      }
      tell("end", { isCached, imageId: this.#imageIdOf(state, layers) });
    }
    const { onBuild: triggersLeft } = state.config;
    const made = { state, layers, base, triggers: triggersLeft };
    return { ...made, ...(node === undefined ? {} : { node }) };
  }

  async #traceStep(
    id: string,
    parent: string | undefined,
    step: Step,
    layers: readonly BuiltLayer[],
    { resolveOrigin: resolve }: EvaluationContext,
  ): Promise<string> {
    const { platform, options } = this.#solving;
    const nodes = new Map<number, string | undefined>();
    const origins = this.#originStages(step, resolve);
    for (const index of origins) nodes.set(index, (await this.#stage(index)).node);
    await this.trace.step({
      id,
      step,
      parent,
      platform,
      network: options.network,
      layers,
      resolveOrigin: resolve,
      nodeOf: (origin) => {
        switch (origin.kind) {
          case "context":
            return this.trace.local(options.contextKey);
          case "stage":
            return nodes.get(origin.index);
          case "named": {
            const named = findNamedContext(options.namedContexts, origin.name, platform);
            if (named?.startsWith("local:")) return this.trace.local(named.slice("local:".length));
            return this.#images.node(origin.name, platform);
          }
        }
      },
      digestOf: async (action) =>
        action.kind === "http"
          ? (await this.#remotes.file(action)).digest
          : (await this.#remotes.checkout(action)).commit,
    });
    return id;
  }

  #originStages(step: Step, resolve: (name: string) => FileOrigin): ReadonlySet<number> {
    const origins =
      step.kind === "run"
        ? step.mounts.flatMap((mount) =>
            "from" in mount && mount.from !== undefined ? [resolve(mount.from)] : [],
          )
        : step.actions.flatMap((action) => (action.kind === "copy" ? [action.origin] : []));
    return new Set(origins.flatMap((one) => (one.kind === "stage" ? [one.index] : [])));
  }

  async #executeIn(
    given: Pick<
      StepExecution,
      "vertex" | "step" | "isFollowed" | "place" | "name" | "isBeforeCached"
    > & {
      readonly stageIndex: number;
      readonly platform: Platform;
    },
    layers: readonly BuiltLayer[],
    { resolveOrigin: origin }: EvaluationContext,
  ): Promise<{ readonly layer: BuiltLayer; readonly isCached: boolean }> {
    const { vertex, stageIndex, step, platform, ...more } = given;
    const { options } = this.#solving;
    const { noCache } = options;
    const stage = this.#plan.stages[stageIndex];
    const isUncached =
      noCache === "all" ||
      (noCache !== "none" &&
        noCache.some((one) => one.toLowerCase() === stage?.name || one === String(stageIndex)));
    try {
      return await this.#executor.execute(
        {
          step,
          vertex,
          base: { parent: topOf(layers), platform, network: options.network },
          needsBlob: this.#exported.has(stageIndex),
          isUncached,
          ...more,
          resolveOrigin: origin,
        },
        this.#signal,
      );
    } catch (error) {
      vertex.fail(this.#failure.signal.aborted ? this.#failure.signal.reason : error);
      throw error;
    }
  }

  async #begin(index: number): Promise<{
    readonly state: StageState;
    readonly layers: readonly BuiltLayer[];
    readonly imageId?: Digest;
    readonly node?: string;
    readonly triggers: readonly string[];
    readonly vertex?: OpenVertex;
  }> {
    const { file, platform } = this.#solving;
    const planned = this.#plan.stages[index];
    const from = file.stages[index]?.from;
    if (!planned || !from) throw new RangeError(`stage ${index}`);
    const tell = this.#instruction(this.#numbering.numberOf(index), from.original);
    const own =
      planned.platform === ""
        ? platform
        : parsePlatform(planned.platform, this.#shared.parts.platform);
    const { base } = planned;
    if (base.kind === "stage") {
      const other = await this.#stage(base.index);
      tell("begin", { isCached: false });
      const { config } = other.state;
      const state = beginStage({
        ...other.state,
        config: { ...config, onBuild: [] },
        args: other.state.args,
        variables: other.state.variables,
      });
      const imageId = this.#imageIdOf(state, other.layers);
      tell("end", { isCached: false, imageId });
      const { layers, triggers, node } = other;
      return { state, layers, imageId, ...(node === undefined ? {} : { node }), triggers };
    }
    if (base.kind === "scratch") {
      tell("begin", { isCached: false });
      const state = beginStage({
        config: EMPTY_EXECUTION_CONFIG,
        author: "",
        platform: own,
        osFeatures: [],
        history: [],
      });
      tell("end", { isCached: false });
      return { state, layers: [], triggers: [] };
    }
    const steps = this.#numbering.stepsOf(index);
    const name = `${this.#numbering.prefix(index, 1, steps)} FROM ${base.reference}`;
    const vertex = this.#solving.vertices.add(name);
    tell("begin", { vertexId: vertex.id, isCached: false });
    vertex.begin();
    try {
      const image = await this.#images.get(base.reference, own, vertex);
      const state = stateOfImage(image, own);
      const layers = layersOfImage(image);
      vertex.done();
      tell("end", { isCached: false, imageId: image.id });
      const node = this.#images.node(base.reference, own);
      if (node !== undefined) this.trace.place(node, from.range);
      const { onBuild } = image.config.config;
      const begun = { state, layers, imageId: image.id, triggers: onBuild, vertex };
      return { ...begun, ...(node === undefined ? {} : { node }) };
    } catch (error) {
      vertex.fail(error);
      throw error;
    }
  }

  #contextOf(index: number, instruction: StageInstruction): EvaluationContext {
    return {
      escape: this.#solving.file.directives.escape,
      buildArgs: this.#solving.options.buildArgs,
      globalArgs: this.#globals,
      resolveOrigin: (name) =>
        resolveOrigin(this.#plan, index, name, {
          range: instruction.range,
          isNamedContext: (one) => this.#isNamedContext(one),
        }),
    };
  }

  #isNamedContext(name: string): boolean {
    return hasNamedContext(this.#solving.options.namedContexts, name);
  }

  #configOf(state: StageState, layers: readonly BuiltLayer[]): ImageConfig {
    const labels = { ...state.config.labels, ...this.#solving.options.labels };
    return {
      author: state.author,
      platform: state.platform,
      osFeatures: state.osFeatures,
      config: { ...state.config, labels },
      diffIds: layers.map(({ diffId }) => diffId),
      history: state.history,
      comment: "",
      dockerVersion: "",
    };
  }

  #imageIdOf(state: StageState, layers: readonly BuiltLayer[]): ReturnType<typeof digestOf> {
    return digestOf(JSON.stringify(imageConfigToWire(this.#configOf(state, layers))));
  }

  #instruction(
    number: number,
    text: string,
  ): (
    phase: "begin" | "end",
    more: {
      readonly isCached: boolean;
      readonly vertexId?: OpenVertex["id"];
      readonly imageId?: OpenVertex["id"];
    },
  ) => void {
    const { request } = this.#solving;
    return (phase, more) =>
      request.onEvent({
        type: "instruction",
        number,
        total: this.#numbering.total,
        text,
        phase,
        ...more,
      });
  }

  #ancestorsOf(target: number): ReadonlySet<number> {
    const found = new Set<number>();
    for (let at: number | undefined = target; at !== undefined; ) {
      found.add(at);
      const base: StagePlan["stages"][number]["base"] | undefined = this.#plan.stages[at]?.base;
      at = base?.kind === "stage" ? base.index : undefined;
    }
    return found;
  }
}

function layersOfImage(image: BaseImage): readonly BuiltLayer[] {
  const chainIds = chainIdsOf(image.diffIds);
  return image.diffIds.flatMap((diffId, index) => {
    const chainId = chainIds[index];
    const blob = image.layers[index];
    return chainId === undefined
      ? []
      : [{ diffId, chainId, sizeBytes: 0, ...(blob ? { blob } : {}) }];
  });
}

/** The last line of history with the time of its layer. */
function datedLast(state: StageState, layer: BuiltLayer): StageState {
  const last = state.history.at(-1);
  if (!last || layer.createdMs === undefined) return state;
  const created = new Date(layer.createdMs).toISOString();
  return { ...state, history: [...state.history.slice(0, -1), { ...last, created }] };
}
