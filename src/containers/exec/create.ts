import type { ExecDetails } from "#containers/containers.ts";
import type { ContainerParts } from "#containers/parts.ts";
import { planExecProcess } from "#containers/bring-up/process-plan.ts";
import { assertAllowed } from "#containers/transitions.ts";
import type { ExecConfig } from "#spec/engine-api/exec-config.ts";
import { type ExecId, newExecId } from "#spec/ids.ts";

export type CreateExecParts = Pick<
  ContainerParts,
  | "cgroups"
  | "events"
  | "execs"
  | "execsAhead"
  | "networks"
  | "randomBytes"
  | "registry"
  | "settings"
  | "snapshotter"
  | "system"
>;

export function createExec(
  parts: CreateExecParts,
  reference: string,
  config: ExecConfig,
  options: { readonly isProbe?: true } = {},
): ExecId {
  const record = parts.registry.resolve(reference);
  assertAllowed("exec", record, reference);
  parts.cgroups.expectMove(); // a start mostly follows at once
  // an unknown user is refused here already, as in Docker
  planExecProcess(parts, record, config, parts.snapshotter.rootPath(record.id));
  const id = newExecId(parts.randomBytes);
  const exec: ExecDetails = { id, containerId: record.id, config, status: "created", pid: 0 };
  parts.execs.put({ ...exec, ...options });
  if (options.isProbe === undefined) parts.execsAhead.expectStart(exec);
  parts.events.publish(record, `exec_create: ${commandText(config)}`, { execID: id });
  return id;
}

/** The command as Docker's events show it: a blank stands after the program even without arguments. */
export function commandText(config: Pick<ExecConfig, "Cmd">): string {
  const [program = "", ...args] = config.Cmd;
  return `${program} ${args.join(" ")}`;
}
