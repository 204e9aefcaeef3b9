import { NotFoundError, PermissionDeniedError } from "#base/errors.ts";
import { DockerfileError } from "#builder/language/dockerfile-error.ts";
import type { FilesAction, FileSelection } from "#builder/files/protocol.ts";
import type { FileAction, FileOrigin, Step } from "#builder/graph/step.ts";
import { cleanPath } from "#base/posix-path.ts";
import { explainStep } from "#builder/why/explain.ts";
import { environmentOf, flagsOf, shortDigest, type StepInputs } from "#builder/why/step-inputs.ts";
import { type StepReport, WHY_ATTRIBUTE, WHY_VERTEX } from "#spec/buildkit/step-report.ts";
import type { ChainId } from "#spec/digest.ts";
import type { BuiltLayer } from "./built-layer.ts";
import { checkRunnable } from "./emulation.ts";
import { type StepBase, stepKey } from "./keys.ts";
import type { MountedTree, OriginTree } from "./mounted-chains.ts";
import type { RemoteSources } from "./remote-sources.ts";
import { runCommand, type RunStep } from "./run-step.ts";
import type { SharedSolving, Solving } from "./solving.ts";
import type { MountedRoot } from "./step-layers.ts";
import type { OpenVertex } from "./vertices.ts";

/** Files of a step that are remembered one by one. */
const MOST_LISTED = 1024;

export interface StepExecutorOptions {
  readonly shared: SharedSolving;
  readonly solving: Solving;
  readonly openTree: (origin: FileOrigin) => Promise<OriginTree>;
  /** For a RUN to look at; where it may write, what it writes is forgotten. */
  readonly openMount: (origin: FileOrigin, isReadOnly: boolean) => Promise<MountedTree>;
  /** A new tree of a layer's files, the caller's to dispose of. */
  readonly openApart: (chainId: ChainId | undefined) => Promise<MountedRoot & AsyncDisposable>;
  readonly remotes: RemoteSources;
}

export interface StepExecution {
  /** What `from=` of a mount means. */
  readonly resolveOrigin: (name: string) => FileOrigin;
  readonly step: Step;
  readonly vertex: OpenVertex;
  readonly base: StepBase;
  readonly needsBlob: boolean;
  /** It is done anew, whatever is cached. */
  readonly isUncached: boolean;
  /** Stage and position. */
  readonly place: string;
  /** As progress shows it. */
  readonly name: string;
  /** Undefined for the first of its stage. */
  readonly isBeforeCached: boolean | undefined;
  /** The next step of its stage is a RUN. */
  readonly isFollowed: boolean;
}

/** What a step takes from elsewhere, with what is known of it. */
interface StepInput {
  readonly tree: OriginTree;
  readonly selection: FileSelection;
  /** Nothing may match. */
  readonly isOptional: boolean;
}

/** Finds what a step makes in the cache, or does it. */
export class StepExecutor {
  readonly #options: StepExecutorOptions;

  constructor(options: StepExecutorOptions) {
    this.#options = options;
  }

  async execute(
    execution: StepExecution,
    signal: AbortSignal,
  ): Promise<{ readonly layer: BuiltLayer; readonly isCached: boolean }> {
    const { shared, solving } = this.#options;
    const { step, base, vertex, isUncached } = execution;
    this.#checkEntitled(step);
    const inputs = await this.#inputsOf(execution);
    // by the names of the trees first: most are known without a look at a file
    const names = inputs.map(({ tree, selection }) =>
      tree.identity === undefined ? undefined : `${tree.identity}${selection.source}`,
    );
    const isNamed = names.every((name) => name !== undefined);
    const fast = isNamed && inputs.length > 0 ? stepKey(step, base, names) : undefined;
    if (fast !== undefined && !isUncached) {
      const found = shared.layers.find(fast, solving.lease);
      if (found) return await this.#found(found, execution, signal);
    }
    const digests = [
      ...(await this.#digestsOf(inputs, step, signal)),
      ...(await this.#remoteDigests(step)),
    ];
    const key = stepKey(step, base, digests);
    const keys = fast === undefined ? [key] : [key, fast];
    for (;;) {
      if (!isUncached) {
        const found = shared.layers.find(key, solving.lease);
        if (found) {
          if (fast !== undefined) shared.layers.addKeys(found.chainId, [fast]);
          return await this.#found(found, execution, signal);
        }
        const other = shared.underWay.get(key);
        if (other) {
          // another build does the same: what it makes is found above, unless it fails
          await Promise.race([other.catch(() => undefined), rejection(signal)]);
          signal.throwIfAborted();
          if (shared.underWay.get(key) === other) shared.underWay.delete(key);
          continue;
        }
      }
      if (!isUncached && solving.imported.has(key, base.parent)) {
        await solving.imported.bring(key, solving.lease, signal);
        continue;
      }
      vertex.begin();
      // first what it depends on: the process that has just digested the files knows them
      const held = Promise.withResolvers<never>();
      const making = this.#explain(execution, inputs, digests, signal).then(async (now) => {
        const layer = await this.#make(execution, keys, held.reject, signal);
        shared.memory.remember(key, { ...now, doneMs: shared.parts.clock.nowMs() });
        return layer;
      });
      // nobody waits for a step that has failed and is looked at
      const awaited = Promise.race([making, held.promise]);
      awaited.catch(() => undefined); // told below
      shared.underWay.set(key, awaited);
      try {
        const layer = await making;
        vertex.done();
        return { layer, isCached: false };
      } finally {
        if (shared.underWay.get(key) === awaited) shared.underWay.delete(key);
      }
    }
  }

  async #found(
    layer: BuiltLayer,
    execution: StepExecution,
    signal: AbortSignal,
  ): Promise<{ readonly layer: BuiltLayer; readonly isCached: true }> {
    const { shared, solving } = this.#options;
    execution.vertex.cached();
    this.#tell({ name: execution.name, isCached: true, reasons: [] });
    const whole = execution.needsBlob
      ? await shared.layers.withBlob(layer, solving.lease, signal)
      : layer;
    return { layer: whole, isCached: true };
  }

  /** Tells why the step is done, where the client asks. @returns What it depends on. */
  async #explain(
    execution: StepExecution,
    inputs: readonly StepInput[],
    digests: readonly string[],
    signal: AbortSignal,
  ): Promise<StepInputs> {
    const { shared, solving } = this.#options;
    const { step, base, place, name, isUncached, isBeforeCached } = execution;
    const selections = inputs.map(({ selection }) => selection);
    const listed =
      selections.length === 0
        ? []
        : await shared.parts.files.run({ kind: "list", selections, most: MOST_LISTED }, signal);
    const now: StepInputs = {
      title: step.title,
      place,
      parent: base.parent ?? "scratch",
      environment: environmentOf(step),
      flags: flagsOf(step, base.network),
      files: Object.fromEntries(listed),
      content: shortDigest(digests),
      doneMs: shared.parts.clock.nowMs(),
    };
    if (solving.request.attributes[WHY_ATTRIBUTE] !== undefined) {
      const reasons = explainStep(now, shared.memory.alike(now), { isUncached, isBeforeCached });
      this.#tell({ name, isCached: false, reasons });
    }
    return now;
  }

  #tell(report: StepReport): void {
    const { request, vertices } = this.#options.solving;
    if (request.attributes[WHY_ATTRIBUTE] === undefined) return;
    vertices.add(WHY_VERTEX).log("stdout", Buffer.from(`${JSON.stringify(report)}\n`));
  }

  async #make(
    execution: StepExecution,
    keys: readonly ReturnType<typeof stepKey>[],
    onHeld: (error: Error) => void,
    signal: AbortSignal,
  ): Promise<BuiltLayer> {
    const { shared, solving } = this.#options;
    const { step, base, needsBlob } = execution;
    const request = {
      parent: base.parent,
      keys,
      description: step.title,
      needsBlob,
      isLink: step.kind === "files" && step.isLink,
    };
    const work = async (root: MountedRoot): Promise<void> => {
      if (step.kind === "run") await this.#run(step, root, { execution, onHeld }, signal);
      else await this.#applyFiles(step, root.path, signal);
    };
    return await shared.layers.make(request, work, solving.lease, signal);
  }

  async #run(
    step: RunStep,
    root: MountedRoot,
    given: { readonly execution: StepExecution; readonly onHeld: (error: Error) => void },
    signal: AbortSignal,
  ): Promise<void> {
    const { execution, onHeld } = given;
    const { shared, solving, openTree, openMount, openApart } = this.#options;
    const { request, options } = solving;
    const { onStepFailed } = request;
    try {
      checkRunnable(step.title, execution.base.platform, shared.parts.platform);
    } catch (error) {
      throw error instanceof Error ? located(error, step) : error;
    }
    await runCommand(
      step,
      root,
      {
        parts: shared.parts,
        options,
        secrets: request.secrets,
        ssh: request.ssh,
        caches: shared.caches,
        emptiedCaches: execution.isUncached ? this.#options.solving.emptiedCaches : undefined,
        vertex: execution.vertex,
        isFollowed: execution.isFollowed,
        openTree: (mount) => openTree(originOf(execution, mount.from)),
        openMount: ({ from, isReadOnly }) => openMount(originOf(execution, from), isReadOnly),
        openBefore: () => openApart(execution.base.parent),
        onFailed:
          onStepFailed &&
          (async (failed) => {
            execution.vertex.fail(failed.error);
            onHeld(failed.error);
            await onStepFailed(failed);
          }),
      },
      signal,
    );
  }

  async #applyFiles(
    step: Extract<Step, { readonly kind: "files" }>,
    rootPath: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { parts } = this.#options.shared;
    const actions: FilesAction[] = [];
    for (const action of step.actions) actions.push(await this.#filesAction(action));
    try {
      await parts.files.run({ kind: "apply", root: rootPath, actions }, signal);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      throw located(error, step);
    }
  }

  async #filesAction(action: FileAction): Promise<FilesAction> {
    switch (action.kind) {
      case "folder":
        return action;
      case "file":
        return { ...action, defaultMode: 0o644, unpacks: false };
      case "copy": {
        const { origin, ...rest } = action;
        const tree = await this.#options.openTree(origin);
        return { ...rest, ...selectionOf(tree, action) };
      }
      case "http": {
        const { path, name, mtimeSeconds } = await this.#options.remotes.file(action);
        const { url: _, kind: _kind, checksum: _checksum, ...rest } = action;
        return {
          ...rest,
          kind: "file",
          name,
          content: { path },
          defaultMode: 0o600,
          ...(mtimeSeconds === undefined ? {} : { mtimeSeconds }),
        };
      }
      case "git": {
        const { path, folder } = await this.#options.remotes.checkout(action);
        const {
          url: _,
          kind: _kind,
          checksum: _checksum,
          keepsGitDirectory: _kept,
          ...rest
        } = action;
        return {
          ...rest,
          kind: "copy",
          root: path,
          source: folder,
          ignored: [],
          isOwnedByRoot: true,
          keepsParents: false,
          unpacks: false,
        };
      }
    }
  }

  async #inputsOf(execution: StepExecution): Promise<readonly StepInput[]> {
    const { openTree } = this.#options;
    const { step } = execution;
    const inputs: StepInput[] = [];
    if (step.kind === "run") {
      for (const mount of step.mounts) {
        if (mount.type !== "bind") continue;
        const tree = await openTree(originOf(execution, mount.from));
        const selection = selectionOf(tree, { source: mount.source || "/", excludes: [] });
        inputs.push({ tree, selection, isOptional: false });
      }
      return inputs;
    }
    for (const action of step.actions) {
      if (action.kind !== "copy") continue;
      const tree = await openTree(action.origin);
      const isOptional = /[*?[]/.test(action.source);
      inputs.push({ tree, selection: selectionOf(tree, action), isOptional });
    }
    return inputs;
  }

  async #digestsOf(
    inputs: readonly StepInput[],
    step: Step,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    if (inputs.length === 0) return [];
    const { parts } = this.#options.shared;
    const selections = inputs.map(({ selection }) => selection);
    const digests = await parts.files.run({ kind: "digest", selections }, signal);
    return inputs.map(({ selection, isOptional }, index) => {
      const digest = digests[index];
      if (digest) return digest;
      if (isOptional) return "";
      const path = JSON.stringify(cleanPath(`/${selection.source}`));
      const hint = selection.ignored.length > 0 ? " (it may be excluded by the .dockerignore)" : "";
      throw located(new NotFoundError(`${path}: not found${hint}`), step);
    });
  }

  /** What remote sources are now: they are fetched to know it. */
  async #remoteDigests(step: Step): Promise<readonly string[]> {
    if (step.kind !== "files") return [];
    const { remotes } = this.#options;
    const found: string[] = [];
    for (const action of step.actions) {
      try {
        if (action.kind === "http") {
          const { digest, name, mtimeSeconds } = await remotes.file(action);
          found.push(`${digest} ${name} ${mtimeSeconds ?? ""}`);
        } else if (action.kind === "git") found.push((await remotes.checkout(action)).commit);
      } catch (error) {
        throw error instanceof Error ? located(error, step) : error;
      }
    }
    return found;
  }

  #checkEntitled(step: Step): void {
    if (step.kind !== "run") return;
    const { entitlements } = this.#options.solving.request;
    const needed = [
      ...(step.network === "host" ? ["network.host"] : []),
      ...(step.isPrivileged ? ["security.insecure"] : []),
    ];
    for (const entitlement of needed) {
      if (entitlements.has(entitlement)) continue;
      throw new PermissionDeniedError(
        `${entitlement} is not allowed: ask for it with --allow ${entitlement}`,
      );
    }
  }
}

function originOf({ resolveOrigin }: StepExecution, from: string | undefined): FileOrigin {
  return from === undefined ? { kind: "context" } : resolveOrigin(from);
}

function selectionOf(
  tree: OriginTree,
  action: { readonly source: string; readonly excludes: readonly string[] },
): FileSelection {
  return {
    root: tree.path,
    source: action.source,
    ignored: tree.ignored,
    excludes: action.excludes,
    isOwnedByRoot: tree.isOwnedByRoot,
  };
}

/** With the place in the Dockerfile. */
function located(error: Error, step: Step): Error {
  if (error instanceof DockerfileError) return error;
  const kept = error.message;
  return new DockerfileError(kept, step.range, { cause: error, isParse: false });
}

function rejection(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
