import type { Cli } from "#cli/cli.ts";
import type { ActParts } from "#compose/act/act-parts.ts";
import type { MadeContainers } from "#compose/act/carry-out.ts";
import { inReverseOrder } from "#compose/act/down.ts";
import { stopOf } from "#compose/act/stop-containers.ts";
import type { Project } from "#compose/model/project.ts";
import { observeContainers } from "#compose/observe/observed.ts";
import { exitCodeOf, LogPrinter, type LogStyle, shortName } from "./log-lines.ts";

export interface AttachOptions {
  readonly services: readonly string[];
  readonly style: LogStyle;
  readonly timestamps: boolean;
  /** Whether the end of one container is the end of all. */
  readonly aborts: "never" | "any" | "failure";
  /** Service whose exit code is ours; empty for none. */
  readonly exitCodeFrom: string;
  readonly timeoutSeconds: number | undefined;
}

const INTERRUPTED = 130;

/**
 * Shows the logs until all containers have ended, or one has that is to end all; Ctrl-C stops them in order,
 * a second one leaves at once.
 *
 * @returns The exit code.
 */
export async function attachUntilEnd(
  cli: Cli,
  project: Project,
  made: MadeContainers,
  parts: ActParts,
  options: AttachOptions,
): Promise<number> {
  const printer = new LogPrinter(parts.engine, cli.output, cli.errors, options.style);
  const sources = [...made].flatMap(([service, containers]) =>
    containers.map(({ id, name }) => ({ service, id, label: shortName(project.name, name) })),
  );
  const watched = sources.filter(({ service }) => options.services.includes(service));
  cli.errors.write(`Attaching to ${watched.map(({ label }) => label).join(", ")}\n`);
  printer.announce(watched.map(({ label }) => label));
  const interruption = cli.interruption();
  const ended = new AbortController();
  const stop = AbortSignal.any([interruption, ended.signal]);
  let exitCode = 0;
  const startedAt = String(Math.floor(cli.now().getTime() / 1000) - 1);
  const watching = sources.map(async ({ service, id, label }) => {
    const isShown = options.services.includes(service);
    const query = { follow: true, tail: "all", since: startedAt, timestamps: options.timestamps };
    try {
      if (isShown) await printer.print({ id, label }, query, stop);
      else await parts.engine.postJson(`/containers/${id}/wait`, { signal: stop });
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    if (stop.aborted) return;
    const code = await exitCodeOf(id, parts.engine);
    if (isShown) printer.say(label, `exited with code ${code}`);
    const isEnd = options.aborts === "any" || (options.aborts === "failure" && code !== 0);
    if (!isEnd || ended.signal.aborted) return;
    exitCode = code;
    cli.errors.write("Aborting on container exit...\n");
    ended.abort();
  });
  await Promise.all(watching);
  if (!interruption.aborted && !ended.signal.aborted) return 0;
  if (interruption.aborted) {
    cli.errors.write("Gracefully Stopping... press Ctrl+C again to force\n");
  }
  await stopAll(project, parts, options);
  if (interruption.aborted) return INTERRUPTED;
  const [chosen] = made.get(options.exitCodeFrom) ?? [];
  return chosen ? await exitCodeOf(chosen.id, parts.engine) : exitCode;
}

async function stopAll(
  project: Project,
  parts: ActParts,
  options: Pick<AttachOptions, "timeoutSeconds">,
): Promise<void> {
  const all = await observeContainers(parts.engine, project.name, { withOneOffs: false });
  const concerned = all.filter(({ service }) => project.services.has(service));
  await inReverseOrder(concerned, (container) =>
    parts.slots.run(() =>
      stopOf(project.services.get(container.service), container, options.timeoutSeconds, parts),
    ),
  );
}
