import { FailedPreconditionError, InvalidArgumentError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import { probeProgram, type RuntimeProgram } from "./program.ts";
import { selfTest } from "./self-test.ts";

/** What docker clients ask for by name and mean runc. */
const RUNC_ALIAS = "io.containerd.runc.v2";

export interface RuntimeChoice {
  readonly programs: ReadonlyMap<string, RuntimeProgram>;
  readonly defaultName: string;
  /** Why crun is not the default though it is installed. */
  readonly warning?: string;
}

export interface RuntimeSelection {
  readonly stateDir: string;
  /** `--add-runtime`: by name; may replace crun and runc. */
  readonly added: Readonly<
    Record<string, { readonly path: string; readonly arguments: readonly string[] }>
  >;
  /** `--default-runtime`. */
  readonly defaultName?: string;
  readonly systemdCgroup: boolean;
}

/**
 * Finds the runtimes of this host. The default is crun where it runs a container here, else runc.
 *
 * @throws {FailedPreconditionError} No runtime, or a configured one is not there.
 *   {InvalidArgumentError} The default is none of them.
 */
export async function selectRuntimes(
  processes: Processes,
  selection: RuntimeSelection,
): Promise<RuntimeChoice> {
  const given = new Map(
    ["crun", "runc", RUNC_ALIAS].map((name) => [
      name,
      { path: name === RUNC_ALIAS ? "runc" : name, arguments: [] as readonly string[] },
    ]),
  );
  for (const [name, runtime] of Object.entries(selection.added)) given.set(name, runtime);
  const programs = new Map<string, RuntimeProgram>();
  const probes = [...given].map(async ([name, runtime]) => ({
    name,
    program: await probeProgram(processes, { name, ...runtime, stateDir: selection.stateDir }),
  }));
  for (const { name, program } of await Promise.all(probes)) {
    if (program !== undefined) programs.set(name, program);
    else if (name in selection.added) {
      throw new FailedPreconditionError(
        `Cannot use runtime "${name}": ${given.get(name)?.path ?? ""} does not run`,
      );
    }
  }
  return { programs, ...(await chooseDefault(processes, programs, selection)) };
}

async function chooseDefault(
  processes: Processes,
  programs: ReadonlyMap<string, RuntimeProgram>,
  selection: RuntimeSelection,
): Promise<Omit<RuntimeChoice, "programs">> {
  const names = [...programs.keys()].join(", ");
  if (selection.defaultName !== undefined) {
    if (programs.has(selection.defaultName)) return { defaultName: selection.defaultName };
    throw new InvalidArgumentError(
      `Cannot use "${selection.defaultName}" as default runtime: there are ${names}`,
    );
  }
  const crun = programs.get("crun");
  const problem = crun === undefined ? undefined : await selfTest(processes, crun, selection);
  if (crun !== undefined && problem === undefined) return { defaultName: "crun" };
  if (!programs.has("runc")) {
    throw new FailedPreconditionError(
      `Cannot run containers: install runc or crun${problem === undefined ? "" : ` (${problem})`}`,
    );
  }
  return {
    defaultName: "runc",
    ...(problem === undefined ? {} : { warning: `crun is not used: ${problem}` }),
  };
}
