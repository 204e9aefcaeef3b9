import type { ContainerInspectResponse, ImageInspect, SystemInfo } from "@docker/node-sdk";
import { NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { containerPath } from "#cli/container/each-container.ts";

/** What the engine says about a container, the image that it was made from, and itself. */
export interface RecreateFacts {
  readonly container: ContainerInspectResponse;
  /** Undefined when it has been removed by force. */
  readonly image: ImageInspect | undefined;
  readonly engine: SystemInfo;
}

export async function fetchRecreateFacts(
  client: EngineClient,
  name: string,
): Promise<RecreateFacts> {
  const [container, engine] = await Promise.all([
    client.getJson<ContainerInspectResponse>(containerPath(name, "/json")),
    client.getJson<SystemInfo>("/info"),
  ]);
  return { container, image: await fetchImage(client, container.Image ?? ""), engine };
}

async function fetchImage(client: EngineClient, id: string): Promise<ImageInspect | undefined> {
  try {
    return await client.getJson<ImageInspect>(`/images/${id}/json`);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
