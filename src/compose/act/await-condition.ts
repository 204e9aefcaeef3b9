import { FailedPreconditionError, UnavailableError } from "#base/errors.ts";
import { parseJsonStream } from "#client/json-stream.ts";
import type { ActParts, Engine } from "./act-parts.ts";

interface Inspected {
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string } | null;
  };
}

export async function inspectContainer(
  id: string,
  { engine }: { readonly engine: Pick<Engine, "getJson"> },
): Promise<Inspected> {
  return await engine.getJson<Inspected>(`/containers/${id}/json`);
}

/**
 * Waits until a container is healthy; one without a health check is when it runs.
 *
 * @throws {FailedPreconditionError} It is found unhealthy, or ended.
 */
export async function awaitHealthy(id: string, parts: ActParts): Promise<void> {
  const listening = new AbortController();
  const signal = AbortSignal.any([listening.signal, ...(parts.signal ? [parts.signal] : [])]);
  try {
    // the engine listens before it is asked how things stand, so that nothing is missed between
    const response = await parts.engine.request("GET", "/events", {
      query: { filters: JSON.stringify({ type: ["container"], container: [id] }) },
      signal,
    });
    if (await isHealthy(id, parts)) return;
    for await (const _event of parseJsonStream<unknown>(response.body())) {
      if (await isHealthy(id, parts)) return;
    }
    throw new UnavailableError(`the engine ended its events while ${id} was waited for`);
  } finally {
    listening.abort();
  }
}

async function isHealthy(id: string, parts: ActParts): Promise<boolean> {
  const { Name, State } = await inspectContainer(id, parts);
  const name = Name.replace(/^\//, "");
  if (State.Status === "exited" || State.Status === "dead") {
    throw new FailedPreconditionError(
      `dependency failed to start: container ${name} exited (${State.ExitCode})`,
    );
  }
  const health = State.Health?.Status ?? "none";
  if (health === "unhealthy") {
    throw new FailedPreconditionError(`dependency failed to start: container ${name} is unhealthy`);
  }
  return health === "healthy" || (health === "none" && State.Status === "running");
}

/** @throws {FailedPreconditionError} It ended with another code than 0. */
export async function awaitCompleted(
  service: string,
  id: string,
  { engine, signal }: ActParts,
): Promise<void> {
  const { StatusCode } = await engine.postJson<{ readonly StatusCode: number }>(
    `/containers/${id}/wait`,
    signal === undefined ? {} : { signal },
  );
  if (StatusCode === 0) return;
  throw new FailedPreconditionError(
    `service "${service}" didn't complete successfully: exit ${StatusCode}`,
  );
}
