import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Cgroups } from "#host/cgroups.ts";
import type { Clock } from "#host/clock.ts";
import type { Processes } from "#host/processes.ts";
import type { Sockets } from "#host/sockets.ts";
import { ConmonRuntime } from "./conmon-runtime.ts";
import { selectRuntimes } from "./oci/select.ts";
import type { Runtime } from "./runtime.ts";

export interface RuntimeOptions {
  readonly processes: Processes;
  readonly cgroups: Cgroups;
  readonly sockets: Sockets;
  readonly clock: Clock;
  readonly bootId: string;
  /** Below the exec root, on a tmpfs; one daemon's own. Created when absent. */
  readonly stateDir: string;
  /** `--add-runtime`; a path without a slash is looked up in PATH. */
  readonly runtimes: Readonly<
    Record<string, { readonly path: string; readonly arguments: readonly string[] }>
  >;
  /** `--default-runtime`; when absent crun where it works here, else runc. */
  readonly defaultRuntime?: string;
  readonly cgroupManager: "cgroupfs" | "systemd";
}

export interface OpenedRuntime {
  readonly runtime: Runtime;
  /** For the log and `info`. */
  readonly warnings: readonly string[];
}

/**
 * Finds conmon and the OCI runtimes and makes the folders. Starts and adopts nothing; nothing is to be
 * closed, for what runs outlives the daemon.
 *
 * @throws {FailedPreconditionError} conmon or every runtime is missing.
 */
export async function openRuntime(options: RuntimeOptions): Promise<OpenedRuntime> {
  const { stateDir, processes } = options;
  for (const name of ["processes", "runtimes", "tty"]) {
    mkdirSync(join(stateDir, name), { recursive: true, mode: 0o700 });
  }
  // conmon removes its console socket itself, unless it is killed before the terminal is there.
  for (const name of readdirSync(join(stateDir, "tty"))) rmSync(join(stateDir, "tty", name));
  const conmonPath = Bun.which("conmon");
  if (conmonPath === null) {
    throw new FailedPreconditionError("Cannot run containers: install conmon");
  }
  const systemdCgroup = options.cgroupManager === "systemd";
  const [conmon, choice] = await Promise.all([
    processes.run({ argv: [conmonPath, "--version"] }),
    selectRuntimes(processes, {
      stateDir,
      added: options.runtimes,
      systemdCgroup,
      ...(options.defaultRuntime === undefined ? {} : { defaultName: options.defaultRuntime }),
    }),
  ]);
  const runtime = new ConmonRuntime({
    ...options,
    conmonPath,
    conmonVersion: conmon.stdout.split("\n")[0] ?? "",
    programs: choice.programs,
    defaultRuntime: choice.defaultName,
    systemdCgroup,
  });
  return { runtime, warnings: choice.warning === undefined ? [] : [choice.warning] };
}
