import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Cgroups } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { Files } from "#host/files.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets } from "#host/sockets.ts";
import { ConmonRuntime } from "./conmon-runtime.ts";
import { ExitWatch } from "./exit-watch.ts";
import { type RuntimeChoice, selectRuntimes } from "./oci/select.ts";
import type { Runtime } from "./runtime.ts";

export interface WantedRuntimes {
  /** `--add-runtime`; a path without a slash is looked up in PATH. */
  readonly runtimes: Readonly<
    Record<string, { readonly path: string; readonly arguments: readonly string[] }>
  >;
  /** `--default-runtime`; when absent crun where it works here, else runc. */
  readonly defaultRuntime?: string;
}

export interface RuntimeOptions extends WantedRuntimes {
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly sockets: Sockets;
  readonly files: Files;
  readonly clock: Clock;
  readonly bootId: string;
  /** Below the exec root, on a tmpfs; one daemon's own. Created when absent. */
  readonly stateDir: string;
  readonly cgroupManager: "cgroupfs" | "systemd";
}

/** Disposing of it stops the watch; what runs goes on. */
export interface OpenedRuntime extends Disposable {
  readonly runtime: Runtime;
  /** For the log and `info`. */
  readonly warnings: readonly string[];
  /**
   * Takes over other runtimes for what is made from now on; what runs keeps its own.
   *
   * @throws As `openRuntime` does; nothing has changed then.
   */
  reload(wanted: WantedRuntimes): Promise<void>;
}

/**
 * Finds conmon and the OCI runtimes and makes the folders. Starts and adopts nothing.
 *
 * @throws {FailedPreconditionError} conmon or every runtime is missing.
 */
export async function openRuntime(options: RuntimeOptions): Promise<OpenedRuntime> {
  const { stateDir, processes } = options;
  for (const name of ["processes", "exits", "runtimes", "tty"]) {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
  }
  // conmon removes its console socket itself, unless it is killed before the terminal is there.
  for (const name of readdirSync(join(stateDir, "tty"))) rmSync(join(stateDir, "tty", name));
  const conmonPath = Bun.which("conmon");
  if (conmonPath === null) {
    throw new FailedPreconditionError("Cannot run containers: install conmon");
  }
  const systemdCgroup = options.cgroupManager === "systemd";
  const select = (wanted: WantedRuntimes): Promise<RuntimeChoice> =>
    selectRuntimes(processes, {
      stateDir,
      added: wanted.runtimes,
      systemdCgroup,
      ...(wanted.defaultRuntime === undefined ? {} : { defaultName: wanted.defaultRuntime }),
    });
  const [conmon, choice] = await Promise.all([
    processes.run({ argv: [conmonPath, "--version"] }),
    select(options),
  ]);
  const exits = new ExitWatch({ files: options.files, directory: join(stateDir, "exits") });
  const runtime = new ConmonRuntime({
    ...options,
    exits,
    conmonPath,
    conmonVersion: conmon.stdout.split("\n")[0] ?? "",
    choice,
    systemdCgroup,
  });
  return {
    runtime,
    warnings: choice.warning === undefined ? [] : [choice.warning],
    reload: async (wanted) => {
      runtime.useRuntimes(await select(wanted));
    },
    [Symbol.dispose]: () => exits[Symbol.dispose](),
  };
}
