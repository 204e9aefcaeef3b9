import { join } from "node:path";
import { ConflictError } from "#base/errors.ts";
import type { LogEntry, LogReadRequest } from "#logs/logs.ts";
import type { ContainerParts } from "./parts.ts";

/** A followed log ends with the run that is on when it begins, as in Docker. */
export function readLogs(
  parts: Pick<ContainerParts, "lives" | "logs" | "registry" | "settings">,
  reference: string,
  request: Omit<LogReadRequest, "writerGone">,
  signal: AbortSignal,
): { readonly terminal: boolean; readonly entries: AsyncIterable<LogEntry> } {
  const record = parts.registry.resolve(reference);
  if (record.state.status === "removing" || record.state.status === "dead") {
    throw new ConflictError("can not get logs from container which is dead or marked for removal");
  }
  const driver = parts.logs.driver(record.hostConfig.LogConfig.Type);
  const writerGone = parts.lives.of(record.id).process?.ended ?? Promise.resolve();
  return {
    terminal: record.config.Tty,
    entries: driver.read(
      join(parts.settings.directory, record.id),
      { ...request, writerGone },
      signal,
    ),
  };
}
