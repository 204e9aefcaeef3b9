import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { MadeContainers } from "#compose/act/carry-out.ts";
import { inReverseOrder } from "#compose/act/by-dependency.ts";
import { stopOf } from "#compose/act/stop-containers.ts";
import type { Project } from "#compose/model/project.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import type { Progress } from "./progress-lines.ts";
import { exitCodeOf, LogPrinter, type LogStyle, shortName } from "./log-lines.ts";
import { openKeyMenu } from "#cli/compose/watching/key-menu.ts";

export interface AttachOptions {
  readonly services: readonly string[];
  readonly style: LogStyle;
  readonly timestamps: boolean;
  /** When the command began: of what ran before, older words are not shown. */
  readonly beganAt: Date;
  /** Whether the end of one container is the end of all. */
  readonly aborts: "never" | "any" | "failure";
  /** Service whose exit code is ours; empty for none. */
  readonly exitCodeFrom: string;
  readonly timeoutSeconds: number | undefined;
  /** Watches files beside the logs, until the signal aborts; told how to follow containers that are new. */
  readonly watch?: (follow: (made: MadeContainers) => void, signal: AbortSignal) => Promise<void>;
  /** Whether it watches from the start. */
  readonly isWatching?: boolean;
  readonly hasMenu?: boolean;
}

const INTERRUPTED = 130;

/**
 * Shows the logs until all containers have ended, or one has that is to end all; Ctrl-C stops them in order and
 * shows what they say of it, a second one kills them.
 *
 * @returns The exit code.
 */
export async function attachUntilEnd(
  cli: Cli,
  project: Project,
  made: MadeContainers,
  parts: ActParts & Pick<Progress, "flow">,
  options: AttachOptions,
): Promise<number> {
  parts.flow();
  const printer = new LogPrinter(parts.engine, cli.output, cli.errors, options.style);
  const sourcesOf = (containers: MadeContainers): readonly AttachedSource[] =>
    [...containers].flatMap(([service, all]) =>
      all.map(({ id, name, hasRun }) => ({
        ...{ service, id, hasRun },
        label: shortName(project.name, name),
      })),
    );
  const sources = sourcesOf(made);
  const watched = sources.filter(({ service }) => options.services.includes(service));
  const labels = watched.map(({ label }) => label).toSorted();
  cli.output.write(`Attaching to ${labels.join(", ")}\n`);
  printer.announce(watched.map(({ label }) => label));
  const interruption = cli.interruption();
  const insistence = cli.insistence();
  const ended = new AbortController();
  const ending = AbortSignal.any([interruption, ended.signal]);
  // the last words of what is being stopped are shown, too
  const stopped = new AbortController();
  const stop = AbortSignal.any([stopped.signal, insistence]);
  let exitCode = 0;
  const beganAt = String(Math.floor(options.beganAt.getTime() / 1000) - 1);
  const follow = async ({ service, id, label, hasRun }: AttachedSource): Promise<void> => {
    const isShown = options.services.includes(service);
    const { timestamps } = options;
    const since = hasRun ? { since: beganAt } : {};
    const query = { follow: true, tail: "all", timestamps, ...since };
    try {
      if (isShown) await printer.print({ id, label }, query, stop);
      else await parts.engine.postJson(`/containers/${id}/wait`, { signal: stop });
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    if (stop.aborted) return;
    const code = await endOf(id, parts);
    // another has taken its place
    if (code === undefined) return;
    if (isShown) printer.say(label, `exited with code ${code}`);
    if (ending.aborted) return;
    const isEnd = options.aborts === "any" || (options.aborts === "failure" && code !== 0);
    if (!isEnd) return;
    exitCode = code;
    cli.errors.write("Aborting on container exit...\n");
    ended.abort();
  };
  const followed = sources.map(follow);
  using fileWatch = openFileWatch(options, ending, (recreated) => {
    for (const source of sourcesOf(recreated)) followed.push(follow(source));
  });
  if (options.isWatching) fileWatch.toggle();
  using menu = options.hasMenu
    ? openKeyMenu(cli, options.watch ? fileWatch.toggle : undefined)
    : undefined;
  const all = Promise.all([...followed, fileWatch.ended]);
  const isLeft = await Promise.race([
    all.then(() => false),
    aborted(ending).then(() => false),
    ...(menu ? [menu.detached.then(() => true)] : []),
  ]);
  if (isLeft || !ending.aborted) return 0;
  if (interruption.aborted) {
    cli.errors.write("Gracefully Stopping... press Ctrl+C again to force\n");
  }
  try {
    await Promise.race([stopAll(project, parts, options), aborted(insistence)]);
    if (insistence.aborted) await killAll(project, parts);
    else await Promise.race([Promise.all(followed), aborted(insistence)]);
  } finally {
    stopped.abort();
  }
  await Promise.all(followed);
  if (interruption.aborted) return INTERRUPTED;
  const [chosen] = made.get(options.exitCodeFrom) ?? [];
  return chosen ? await exitCodeOf(chosen.id, parts.engine) : exitCode;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}

interface AttachedSource {
  readonly hasRun: boolean;
  readonly service: string;
  readonly id: string;
  readonly label: string;
}

/** @returns Undefined where it is gone. */
async function endOf(id: string, { engine }: ActParts): Promise<number | undefined> {
  try {
    return await exitCodeOf(id, engine);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

interface FileWatch extends Disposable {
  /** Settles at once where nothing has ever been watched. */
  readonly ended: Promise<void>;
  /** @returns Whether files are watched now. */
  toggle(): boolean;
}

function openFileWatch(
  { watch }: AttachOptions,
  stop: AbortSignal,
  follow: (made: MadeContainers) => void,
): FileWatch {
  const end = Promise.withResolvers<void>();
  let current: AbortController | undefined;
  let isUsed = false;
  stop.addEventListener("abort", () => end.resolve());
  return {
    get ended() {
      return isUsed ? end.promise : Promise.resolve();
    },
    toggle: () => {
      if (current) {
        current.abort();
        current = undefined;
        return false;
      }
      isUsed = true;
      current = new AbortController();
      watch?.(follow, AbortSignal.any([current.signal, stop])).catch(end.reject);
      return true;
    },
    [Symbol.dispose]: () => current?.abort(),
  };
}

async function ownContainers(
  project: Project,
  parts: ActParts,
): Promise<readonly ObservedContainer[]> {
  const all = await observeContainers(parts.engine, project.name, { withOneOffs: false });
  return all.filter(({ service }) => project.services.has(service));
}

async function stopAll(
  project: Project,
  parts: ActParts,
  options: Pick<AttachOptions, "timeoutSeconds">,
): Promise<void> {
  await inReverseOrder(await ownContainers(project, parts), (container) =>
    parts.slots.run(() =>
      stopOf(project.services.get(container.service), container, options.timeoutSeconds, parts),
    ),
  );
}

async function killAll(project: Project, parts: ActParts): Promise<void> {
  const running = (await ownContainers(project, parts)).filter(({ state }) => state === "running");
  await Promise.all(
    running.map(async ({ id, name }) => {
      const report = (status: string): void =>
        parts.onProgress({ kind: "Container", name, status });
      report("Killing");
      try {
        await parts.engine.send("POST", `/containers/${id}/kill`);
      } catch (error) {
        // it ended meanwhile, which is what is wanted
        if (!(error instanceof ConflictError) && !(error instanceof NotFoundError)) throw error;
      }
      report("Killed");
    }),
  );
}
