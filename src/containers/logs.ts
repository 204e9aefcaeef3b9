import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { LogBatch, LogProcess, LogReadRequest, LoggedContainer } from "#logs/logs.ts";
import type { ContainerRecord } from "./container.ts";
import { OutputHold } from "./bring-up/output-hold.ts";
import type { ContainerParts } from "./parts.ts";

/** What a log driver may know of a container. */
export function loggedContainer(
  parts: Pick<ContainerParts, "settings">,
  record: ContainerRecord,
): LoggedContainer {
  const { Type: driver, Config: options } = record.hostConfig.LogConfig;
  return {
    id: record.id,
    name: record.name,
    directory: join(parts.settings.directory, record.id),
    imageId: record.imageId,
    imageName: record.imageReference,
    command: [record.path, ...record.args],
    createdNanos: record.createdNanos,
    labels: record.config.Labels,
    env: record.config.Env,
    driver,
    options,
  };
}

/** From a start, or a take-over, until the exit. */
export function followLog(
  parts: Pick<ContainerParts, "logs" | "runtime" | "settings">,
  record: ContainerRecord,
): void {
  const { id, config } = record;
  const hold = new OutputHold(
    () => parts.runtime.attach(id, { outputOnly: true }),
    config.StdinOnce,
  );
  const process: LogProcess = {
    reopenLog: () => parts.runtime.reopenLog(id),
    holdOutput: () => hold.take(),
  };
  parts.logs.follow(loggedContainer(parts, record), process);
}

/** A followed log ends with the run that is on when it begins, as in Docker. */
export function readLogs(
  parts: Pick<ContainerParts, "lives" | "logs" | "registry" | "settings">,
  reference: string,
  request: Omit<LogReadRequest, "writerGone">,
  signal: AbortSignal,
): { readonly terminal: boolean; readonly batches: AsyncIterable<LogBatch> } {
  const record = parts.registry.resolve(reference);
  if (record.state.status === "removing" || record.state.status === "dead") {
    throw new ConflictError("can not get logs from container which is dead or marked for removal");
  }
  const writerGone = parts.lives.of(record.id).process?.ended ?? Promise.resolve();
  return {
    terminal: record.config.Tty,
    batches: parts.logs.read(loggedContainer(parts, record), { ...request, writerGone }, signal),
  };
}
