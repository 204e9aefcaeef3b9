import { readFileSync } from "node:fs";
import type { KeyedMutex } from "#base/async.ts";
import { messageOf } from "#base/errors.ts";
import type { Clock } from "#host/clock.ts";
import type { RunningProcess } from "#runtime/runtime.ts";
import type { Collection } from "#store/store.ts";
import type { ManagedPluginRecord } from "./managed-plugin.ts";
import { pathsOf, type PluginFolders } from "./paths.ts";
import type { PluginProcesses } from "./plugin-processes.ts";

const FIRST_RESTART_MS = 1_000;
const MAX_RESTART_MS = 30_000;
const LAST_WORDS_MAX_LENGTH = 500;

export interface RunningPluginsOptions {
  readonly records: Collection<ManagedPluginRecord>;
  readonly folders: PluginFolders;
  readonly processes: PluginProcesses;
  readonly clock: Pick<Clock, "delay">;
  /** One change of a plugin at a time, by its name. */
  readonly lanes: KeyedMutex;
  readonly warn: (message: string) => void;
}

/**
 * Processes of plugins follow their records: one that is enabled is taken over from the engine before, or started, and
 * started again when it ends by itself.
 */
export class RunningPlugins {
  readonly #options: RunningPluginsOptions;
  readonly #ending = new AbortController();

  constructor(options: RunningPluginsOptions) {
    this.#options = options;
  }

  /** Takes over what runs of an enabled plugin, else starts it, later again where it does not come up. */
  async takeOver(plugin: ManagedPluginRecord): Promise<void> {
    try {
      const running = await this.#options.processes.adopt(plugin.id);
      this.#watch(plugin, running ?? (await this.#start(plugin)));
    } catch (error) {
      this.#options.warn(messageOf(error));
      void this.#startAgain(plugin.id, FIRST_RESTART_MS);
    }
  }

  /** @throws {FailedPreconditionError} It does not come up, saying why. */
  async start(plugin: ManagedPluginRecord, signal: AbortSignal): Promise<void> {
    const both = AbortSignal.any([signal, this.#ending.signal]);
    this.#watch(plugin, await this.#start(plugin, both));
  }

  async stop(plugin: ManagedPluginRecord): Promise<void> {
    const { folders, processes } = this.#options;
    await processes.stop(plugin.id, pathsOf(folders, plugin));
  }

  /** From here on nothing is started any more. */
  end(): void {
    this.#ending.abort();
  }

  async #start(
    plugin: ManagedPluginRecord,
    signal: AbortSignal = this.#ending.signal,
  ): Promise<RunningProcess> {
    const { folders, processes } = this.#options;
    const paths = pathsOf(folders, plugin);
    return await processes.start(plugin, paths, () => lastWordsIn(paths.log), signal);
  }

  #watch(plugin: ManagedPluginRecord, running: RunningProcess): void {
    void running.exited.then(({ exitCode }) => {
      if (this.#ending.signal.aborted || !this.#options.records.get(plugin.id)?.isEnabled) return;
      this.#options.warn(
        `Plugin ${plugin.name} ended with exit code ${exitCode}: starting it again`,
      );
      void this.#startAgain(plugin.id, FIRST_RESTART_MS);
    });
  }

  /** Until it runs or is to run no more. Never rejects. */
  async #startAgain(id: string, firstDelayMs: number): Promise<void> {
    const { records, clock, warn, lanes } = this.#options;
    for (let delayMs = firstDelayMs; ; delayMs = Math.min(delayMs * 2, MAX_RESTART_MS)) {
      try {
        await clock.delay(delayMs, this.#ending.signal);
      } catch {
        return; // the engine ends
      }
      const plugin = records.get(id);
      if (!plugin?.isEnabled) return;
      const isOver = await lanes.run(plugin.name, async () => {
        if (!records.get(id)?.isEnabled || this.#ending.signal.aborted) return true;
        try {
          await this.stop(plugin);
          this.#watch(plugin, await this.#start(plugin));
          return true;
        } catch (error) {
          if (!this.#ending.signal.aborted) warn(messageOf(error));
          return false;
        }
      });
      if (isOver) return;
    }
  }
}

/** The end of a plugin's log, without conmon's marks. */
function lastWordsIn(log: string): string {
  try {
    const lines = readFileSync(log, "utf8").trimEnd().split("\n").slice(-3);
    const words = lines.map((line) => line.replace(/^\S+ std(?:out|err) [FP] /, ""));
    return words.join("; ").slice(-LAST_WORDS_MAX_LENGTH);
  } catch {
    return ""; // it printed nothing
  }
}
