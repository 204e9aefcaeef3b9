import { basename, join } from "node:path";
import { FailedPreconditionError } from "#base/errors.ts";
import type { Processes } from "#host/processes.ts";
import type { RuntimeInfo } from "#runtime/runtime.ts";
import { lastError } from "./failure.ts";

/** What we know of a runtime's inside, by the name it gives itself in `--version`. */
export type RuntimeFamily = "crun" | "runc" | "other";

/** One configured OCI runtime: `<path> <arguments> --root <rootDir> <command>`. */
export interface RuntimeProgram extends RuntimeInfo {
  /** The name that the user chose. */
  readonly name: string;
  readonly family: RuntimeFamily;
  /** Where it keeps its state: one folder per container id. */
  readonly rootDir: string;
}

/** The runtime's global arguments, for conmon and for our own calls. */
export function globalArguments(program: RuntimeProgram, systemdCgroup: boolean): string[] {
  return [
    ...program.arguments,
    `--root=${program.rootDir}`,
    ...(program.family === "other" ? [] : ["--log-format=json"]),
    ...(systemdCgroup ? ["--systemd-cgroup"] : []),
  ];
}

/**
 * What to start: crun makes itself a sealed copy at each start where it is none. Under another name, as
 * krun, it does other things, and the name is lost on the copy.
 */
export function runnablePath(processes: Processes, { family, path }: RuntimeProgram): string {
  return family === "crun" && basename(path) === "crun" ? processes.sealedCopy(path) : path;
}

/** crun refuses a host with v1 and v2 cgroups side by side unless the v2 mount is hidden from it. */
export function needsHiddenUnified(program: RuntimeProgram): boolean {
  return program.family === "crun";
}

/**
 * crun writes the container's state to each hook, and dies of SIGPIPE where a hook ends without reading it.
 * Only for what starts no process of the container, which would ignore the signal as well.
 */
const WITHOUT_PIPE_SIGNAL = ["/bin/sh", "-c", `trap "" PIPE; exec "$@"`, "sh"];

/** @throws {FailedPreconditionError} With the runtime's own words. */
export async function runProgram(
  processes: Processes,
  program: RuntimeProgram,
  request: {
    readonly systemdCgroup: boolean;
    readonly command: readonly string[];
    readonly input?: string;
    /** It runs hooks. */
    readonly isHooked?: boolean;
  },
): Promise<string> {
  const result = await processes.run({
    argv: [
      ...(request.isHooked ? WITHOUT_PIPE_SIGNAL : []),
      runnablePath(processes, program),
      ...globalArguments(program, request.systemdCgroup),
      ...request.command,
    ],
    hideUnifiedCgroup: needsHiddenUnified(program),
    ...(request.input === undefined ? {} : { input: request.input }),
  });
  if (result.code === 0) return result.stdout;
  const [verb = ""] = request.command;
  throw new FailedPreconditionError(
    `OCI runtime ${verb} failed: ${program.name}: ${lastError(result.stderr)}`,
  );
}

/** @returns Undefined when there is no such executable. */
export async function probeProgram(
  processes: Processes,
  given: {
    readonly name: string;
    readonly path: string;
    readonly arguments: readonly string[];
    readonly stateDir: string;
  },
): Promise<RuntimeProgram | undefined> {
  const path = given.path.includes("/") ? given.path : Bun.which(given.path);
  if (path === null) return undefined;
  const output = await readVersion(processes, path);
  if (output === undefined) return undefined;
  return {
    name: given.name,
    path,
    arguments: given.arguments,
    ...parseVersion(output),
    rootDir: join(given.stateDir, "runtimes", given.name),
  };
}

/** Reads `crun version 1.8.1\ncommit: …`, `runc version …`, `runsc version …`. */
export function parseVersion(output: string): {
  readonly family: RuntimeFamily;
  readonly version: string;
  readonly commit: string;
} {
  const [, name = "", version = ""] = /^(\S+) version (\S+)/m.exec(output) ?? [];
  const [, commit = ""] = /^commit: (\S+)/m.exec(output) ?? [];
  return { family: name === "crun" || name === "runc" ? name : "other", version, commit };
}

async function readVersion(processes: Processes, path: string): Promise<string | undefined> {
  try {
    const { code, stdout } = await processes.run({ argv: [path, "--version"] });
    return code === 0 ? stdout : undefined;
  } catch {
    return undefined; // not there, or not executable: not one of the host's runtimes
  }
}
