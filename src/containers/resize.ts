import type { ContainerParts } from "./parts.ts";
import { assertAllowed } from "./transitions.ts";

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export async function resizeContainer(
  parts: Pick<ContainerParts, "events" | "registry" | "runtime">,
  reference: string,
  size: TerminalSize,
): Promise<void> {
  const record = parts.registry.resolve(reference);
  assertAllowed("resize", record, reference);
  await parts.runtime.resize(record.id, size);
  parts.events.publish(record, "resize", {
    height: String(size.rows),
    width: String(size.columns),
  });
}
