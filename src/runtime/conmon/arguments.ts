/** What conmon is to supervise; conmon(8) explains its flags. */
export interface ConmonPlan {
  readonly id: string;
  /** Id of the container that an exec runs in. */
  readonly containerId: string;
  /** An executable to put before the runtime: `Processes.runtimeLauncher` or `emptyInputLauncher`. */
  readonly launcherPath: string | undefined;
  readonly runtimePath: string;
  readonly runtimeArguments: readonly string[];
  /** Bundle of a container; of an exec just the folder for the socket and the fifos. */
  readonly directory: string;
  readonly pidFile: string;
  readonly terminal: boolean;
  readonly openStdin: boolean;
  /** A client's leaving or half-close does not close stdin. */
  readonly keepStdinOpen: boolean;
  /** A shell gives the process a pipe that has ended in place of conmon's /dev/null: no launcher does. */
  readonly needsEmptyInput: boolean;
  /** `--log-path`. */
  readonly logTarget: string;
  /** `--log-size-max`. */
  readonly logMaxBytes?: number;
  /** A container's exit code goes there, under its id; an exec's into its own folder. */
  readonly exitDir?: string;
  /** A checkpoint that the runtime restores instead of creating the container. */
  readonly restoreFrom?: string;
  readonly exec?: { readonly processFile: string; readonly attach: boolean };
}

/** A here-document is a pipe, or a file without a name; what is in it is read before the command begins. */
const EMPTY_INPUT = ["/bin/sh", "-c", '{ read -r _; exec "$@"; } <<.\n\n.\n', "sh"];

/**
 * conmon's command line.
 *
 * `--sync` leaves out its second fork: the daemon is its parent and has its pid without a file.
 * `--full-attach` puts the attach socket into the bundle, where `oom` goes too, `--persist-dir` an exec's exit code.
 * `--no-sync-log` spares an fsync at each exit, which Docker does not do either. conmon's own log level
 * is the lowest: its stderr is gone soon after the start, and syslog is not ours to fill.
 */
export function planConmonArguments(plan: ConmonPlan): string[] {
  const [program = "", ...before] = [
    ...(plan.launcherPath === undefined ? [] : [plan.launcherPath]),
    ...(plan.needsEmptyInput ? EMPTY_INPUT : []),
    plan.runtimePath,
    ...plan.runtimeArguments,
  ];
  const { exec } = plan;
  return [
    "--api-version",
    "1",
    "--sync",
    "--no-sync-log",
    "--log-level=error",
    `--cid=${plan.containerId}`,
    `--cuuid=${plan.id}`,
    `--runtime=${program}`,
    ...before.map((argument) => `--runtime-arg=${argument}`),
    `--bundle=${plan.directory}`,
    "--full-attach",
    plan.exitDir === undefined ? `--persist-dir=${plan.directory}` : `--exit-dir=${plan.exitDir}`,
    `--container-pidfile=${plan.pidFile}`,
    `--log-path=${plan.logTarget}`,
    ...(plan.logMaxBytes === undefined ? [] : [`--log-size-max=${plan.logMaxBytes}`]),
    ...(plan.terminal ? ["--terminal"] : []),
    ...(plan.openStdin ? ["--stdin"] : []),
    ...(plan.keepStdinOpen ? ["--leave-stdin-open"] : []),
    ...(plan.restoreFrom === undefined ? [] : [`--restore=${plan.restoreFrom}`]),
    ...(exec === undefined ? [] : ["--exec", `--exec-process-spec=${exec.processFile}`]),
    ...(exec?.attach === true ? ["--exec-attach"] : []),
  ];
}
