import type { ImageSummary } from "@docker/node-sdk";
import { ConflictError, NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";

const LABEL = "wharf.debug.copy";

/** An image with a container's root as it is now, removed again by disposing. */
export interface RootCopy extends AsyncDisposable {
  readonly image: string;
}

/** Copies the root of a container; copies that a killed client left go first. */
export async function openRootCopy(engine: EngineClient, id: string): Promise<RootCopy> {
  await removeLeftovers(engine);
  const { Id: image } = await engine.postJson<{ readonly Id: string }>("/commit", {
    query: { container: id, pause: false, changes: [`LABEL ${LABEL}=${id}`] },
    json: {},
  });
  return { image, [Symbol.asyncDispose]: () => removeCopy(engine, image) };
}

async function removeLeftovers(engine: EngineClient): Promise<void> {
  const filters = JSON.stringify({ label: { [LABEL]: true } });
  const left = await engine.getJson<readonly ImageSummary[]>("/images/json", {
    query: { filters, all: true },
  });
  for (const { Id } of left) await removeCopy(engine, Id ?? "");
}

async function removeCopy(engine: EngineClient, image: string): Promise<void> {
  try {
    await engine.send("DELETE", `/images/${image}`);
  } catch (error) {
    // another session's, or gone already
    if (error instanceof ConflictError || error instanceof NotFoundError) return;
    throw error;
  }
}
