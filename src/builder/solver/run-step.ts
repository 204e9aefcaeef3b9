import { chmodSync, chownSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import { cleanPath } from "#base/posix-path.ts";
import type { BuildOptions } from "#builder/attributes.ts";
import type { SecretSource, SshSource } from "#builder/builder.ts";
import { type Owner, pathInRoot } from "#builder/files/root-paths.ts";
import { SCRIPT_FOLDER, type Step } from "#builder/graph/step.ts";
import type { RunMount } from "#builder/language/run-mounts.ts";
import type { BuilderParts } from "#builder/parts.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { MountedTree, OriginTree } from "./mounted-chains.ts";
import { HeldStep, type HeldStepOptions, type OnStepFailed } from "./failed-step.ts";
import { StepFailedError } from "./step-failed.ts";
import type { MountedRoot } from "./step-layers.ts";
import type { StepCommand, StepMountPoint } from "./step-runner.ts";
import type { OpenVertex } from "./vertices.ts";

export type RunStep = Extract<Step, { readonly kind: "run" }>;

/** The client's limit for one secret, which is BuildKit's. */
const SECRET_MAX_BYTES = 512_000;

export interface RunContext {
  readonly parts: Pick<BuilderParts, "randomBytes" | "runDirectory" | "steps">;
  readonly options: BuildOptions;
  readonly secrets: SecretSource;
  readonly ssh: SshSource;
  readonly caches: CacheMounts;
  /** As `CacheMounts.open` has it. */
  readonly emptiedCaches: Set<string> | undefined;
  readonly vertex: OpenVertex;
  /** Another RUN comes right after it. */
  readonly isFollowed: boolean;
  /** The tree that a new cache is filled from. */
  readonly openTree: (mount: Extract<RunMount, { type: "cache" }>) => Promise<OriginTree>;
  /** What a mount shows to the step; where it may be written to, the writes are forgotten. */
  readonly openMount: (mount: Extract<RunMount, { type: "bind" }>) => Promise<MountedTree>;
  /** A new tree of the files as they are before the step. */
  readonly openBefore: HeldStepOptions["openBefore"];
  /** Undefined where nobody can look at a step that failed. */
  readonly onFailed: OnStepFailed | undefined;
}

/**
 * Runs a command in a mounted root. When it fails, its mounts stay for as long as somebody looks at it.
 *
 * @throws {StepFailedError} It ended with another code than 0.
 */
export async function runCommand(
  step: RunStep,
  root: MountedRoot,
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const { parts, options, vertex } = context;
  const { runDirectory, randomBytes } = parts;
  await using stack = new AsyncDisposableStack();
  const own = join(runDirectory, Buffer.from(randomBytes(8)).toString("hex"));
  // root of a step with users of its own has to get through it, to what it is given
  mkdirSync(own, { mode: parts.steps.users ? 0o711 : 0o700 });
  stack.defer(() => rmSync(own, { recursive: true, force: true }));
  const mounts: StepMountPoint[] = [];
  const mountEnv: string[] = [];
  if (step.script) mounts.push(scriptMount(step.script, own, context));
  stack.use(await context.caches.lock(cachesOf(step, options), signal));
  for (const [index, mount] of step.mounts.entries()) {
    const place = { step, own: join(own, String(index)) };
    const ready = await openMount(mount, place, context, stack, signal);
    mounts.push(...ready.mounts);
    mountEnv.push(...ready.env);
  }
  const network = networkOf(step, options);
  const command: StepCommand = {
    rootPath: root.path,
    remount: root.remount,
    args: step.args,
    env: step.env,
    cwd: step.cwd,
    user: step.user,
    hostname: options.hostname,
    mounts,
    network,
    isPrivileged: step.isPrivileged,
    extraHosts: hostsOf(network, options),
    isFollowed: context.isFollowed,
    limits: limitsOf(options),
  };
  const whole = { ...command, env: [...step.env, ...mountEnv] };
  const error = await failureOf(step, async () => {
    const log = vertex.log.bind(vertex);
    return (await parts.steps.run(whole, log, signal)).exitCode;
  });
  if (!error) return;
  const { onFailed, openBefore } = context;
  if (onFailed && !signal.aborted) {
    const { steps } = parts;
    const { title } = step;
    await using held = new HeldStep({ error, title, steps, command, mountEnv, openBefore });
    await onFailed(held);
  }
  throw error;
}

/** @param run Gives the exit code. */
async function failureOf(step: RunStep, run: () => Promise<number>): Promise<Error | undefined> {
  try {
    const exitCode = await run();
    if (exitCode === 0) return undefined;
    return new StepFailedError(step.args.join(" "), exitCode, step.range);
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
}

function networkOf(
  step: RunStep,
  options: BuildOptions,
): Parameters<BuilderParts["steps"]["run"]>[0]["network"] {
  const name = step.network === "default" ? options.network : step.network;
  if (name === "none" || name === "host") return { kind: name };
  return { kind: "bridge", name: name === "default" || name === "sandbox" ? "bridge" : name };
}

/** A step finds itself by its name. With an address of its own the engine sees to that; without one it is at home. */
function hostsOf(
  { kind }: StepCommand["network"],
  { extraHosts, hostname }: BuildOptions,
): readonly string[] {
  return kind === "bridge" ? extraHosts : [...extraHosts, `${hostname}:127.0.0.1`];
}

function limitsOf({
  limits,
  shmSizeBytes,
  ulimits,
  cgroupParent,
}: BuildOptions): Parameters<BuilderParts["steps"]["run"]>[0]["limits"] {
  return {
    ShmSize: shmSizeBytes,
    Memory: limits.memoryBytes,
    MemorySwap: limits.memorySwapBytes,
    CpuShares: limits.cpuShares,
    CpuPeriod: limits.cpuPeriod,
    CpuQuota: limits.cpuQuota,
    CpusetCpus: limits.cpusetCpus,
    CpusetMems: limits.cpusetMems,
    CgroupParent: cgroupParent,
    Ulimits: ulimits.map(({ name, soft, hard }) => ({ Name: name, Soft: soft, Hard: hard })),
  };
}

function scriptMount(
  script: { readonly name: string; readonly content: string },
  own: string,
  context: RunContext,
): StepMountPoint {
  const folder = join(own, "script");
  mkdirSync(folder, { mode: 0o755 });
  const path = join(folder, script.name.replaceAll("/", "_"));
  writeFileSync(path, script.content);
  chmodSync(path, 0o755);
  for (const each of [folder, path]) giveTo(each, ROOT, context);
  chmodSync(own, 0o711);
  return {
    kind: "bind",
    source: folder,
    destination: SCRIPT_FOLDER,
    isReadOnly: true,
    isMapped: true,
  };
}

const ROOT: Owner = { uid: 0, gid: 0 };

/** To one of the step's users, whoever that is on the host. */
function giveTo(path: string, { uid, gid }: Owner, { parts }: Pick<RunContext, "parts">): void {
  const { users } = parts.steps;
  const owner = users ? users.onHost({ uid, gid }) : { uid, gid };
  chownSync(path, owner.uid, owner.gid);
}

type CacheMount = Extract<RunMount, { type: "cache" }>;

function cachesOf(step: RunStep, options: BuildOptions): ReturnType<typeof namedCache>[] {
  return step.mounts.flatMap((mount) =>
    mount.type === "cache" ? [namedCache(mount, step, options)] : [],
  );
}

function namedCache(
  mount: CacheMount,
  step: RunStep,
  { buildArgs }: BuildOptions,
): { readonly mount: CacheMount; readonly id: string; readonly namespace: string } {
  const id = mount.id ?? absolutePath(mount.target, step);
  return { mount, id, namespace: buildArgs.get("BUILDKIT_CACHE_MOUNT_NS") ?? "" };
}

function absolutePath(target: string, { cwd }: RunStep): string {
  return cleanPath(target.startsWith("/") ? target : `${cwd}/${target}`);
}

interface ReadyMount {
  readonly mounts: readonly StepMountPoint[];
  readonly env: readonly string[];
}

async function openMount(
  mount: RunMount,
  place: { readonly step: RunStep; readonly own: string },
  context: RunContext,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ReadyMount> {
  const absolute = (target: string): string => absolutePath(target, place.step);
  switch (mount.type) {
    case "tmpfs": {
      const size = mount.sizeBytes === undefined ? {} : { sizeBytes: mount.sizeBytes };
      const destination = absolute(mount.target);
      return mounted({ kind: "tmpfs", source: "", destination, isReadOnly: false, ...size });
    }
    case "bind": {
      const { path, isMapped } = await context.openMount(mount);
      const source = pathInRoot(path, mount.source || "/", { followsLast: true });
      const { isReadOnly } = mount;
      const destination = absolute(mount.target);
      return mounted({ kind: "bind", source, destination, isReadOnly, isMapped });
    }
    case "cache": {
      const destination = absolute(mount.target);
      const { caches, emptiedCaches: emptied, options } = context;
      const named = namedCache(mount, place.step, options);
      const tree = (): Promise<OriginTree> => context.openTree(mount);
      const cache = stack.use(await caches.open({ ...named, tree, emptied }, signal));
      const { isReadOnly } = mount;
      return mounted({ kind: "bind", source: cache.path, destination, isReadOnly });
    }
    case "secret":
      return await openSecret(mount, place.own, absolute, context, signal);
    case "ssh":
      return await openSsh(mount, { ...place, absolute }, context, stack, signal);
  }
}

function mounted(mount: StepMountPoint): ReadyMount {
  return { mounts: [mount], env: [] };
}

async function openSecret(
  mount: Extract<RunMount, { type: "secret" }>,
  path: string,
  absolute: (target: string) => string,
  context: RunContext,
  signal: AbortSignal,
): Promise<ReadyMount> {
  const { secrets } = context;
  const value = await secrets.read(mount.id, signal);
  if (!value) {
    if (mount.isRequired) throw new NotFoundError(`secret ${mount.id}: not found`);
    return { mounts: [], env: [] };
  }
  if (value.byteLength > SECRET_MAX_BYTES) {
    throw new InvalidArgumentError(
      `secret ${mount.id} has ${value.byteLength} bytes, the limit is ${SECRET_MAX_BYTES}`,
    );
  }
  const env =
    mount.variable === undefined ? [] : [`${mount.variable}=${new TextDecoder().decode(value)}`];
  if (mount.target === undefined) return { mounts: [], env };
  writeFileSync(path, value, { mode: 0o600 });
  giveTo(path, mount, context);
  chmodSync(path, mount.mode);
  const destination = absolute(mount.target);
  const own = { source: path, destination, isReadOnly: true, isMapped: true };
  return { mounts: [{ kind: "bind", ...own }], env };
}

async function openSsh(
  mount: Extract<RunMount, { type: "ssh" }>,
  place: {
    readonly step: RunStep;
    readonly own: string;
    readonly absolute: (target: string) => string;
  },
  context: RunContext,
  stack: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<ReadyMount> {
  const { ssh } = context;
  if (!(await ssh.has(mount.id, signal))) {
    if (!mount.isRequired) return { mounts: [], env: [] };
    throw new NotFoundError(`unset ssh forward key ${mount.id}`);
  }
  stack.use(await ssh.serve(mount.id, place.own, signal));
  giveTo(place.own, mount, context);
  chmodSync(place.own, mount.mode);
  const number = place.step.mounts.filter(({ type }) => type === "ssh").indexOf(mount);
  const destination = place.absolute(mount.target ?? `/run/buildkit/ssh_agent.${number}`);
  // the first is the one that programs find by themselves
  const env = number === 0 ? [`SSH_AUTH_SOCK=${destination}`] : [];
  const own = { source: place.own, destination, isReadOnly: false, isMapped: true };
  return { mounts: [{ kind: "bind", ...own }], env };
}
