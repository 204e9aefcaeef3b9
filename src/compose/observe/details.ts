import { NotFoundError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { JsonObject } from "#compose/plan/json.ts";

/** What an engine says of one container, as far as it was asked for when it was made. */
export interface ContainerDetails {
  readonly id: string;
  readonly config: JsonObject;
  readonly hostConfig: JsonObject;
  /** By the network's name. */
  readonly endpoints: JsonObject;
  /** `Config` of the image that it was made of; empty where that is gone. */
  readonly imageConfig: JsonObject;
}

interface ContainerAnswer {
  readonly Id: string;
  readonly Image: string;
  readonly Config: JsonObject;
  readonly HostConfig: JsonObject;
  readonly NetworkSettings: { readonly Networks?: JsonObject | null };
}

type Asked = Pick<EngineClient, "getJson">;

/** Details by container id; of one that is gone meanwhile there are none. */
export async function observeDetails(
  engine: Asked,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ContainerDetails>> {
  const images = new Map<string, Promise<JsonObject>>();
  const imageConfig = (id: string): Promise<JsonObject> => {
    const before = images.get(id);
    if (before) return before;
    const asked = fetchImageConfig(engine, id);
    images.set(id, asked);
    return asked;
  };
  const found = await Promise.all(
    ids.map(async (id): Promise<readonly [string, ContainerDetails][]> => {
      const answer = await orUndefined(engine.getJson<ContainerAnswer>(`/containers/${id}/json`));
      if (!answer) return [];
      const { Config, HostConfig, NetworkSettings, Image } = answer;
      const details = {
        id: answer.Id,
        config: Config,
        hostConfig: HostConfig,
        endpoints: NetworkSettings.Networks ?? {},
        imageConfig: await imageConfig(Image),
      };
      return [[id, details]];
    }),
  );
  return new Map(found.flat());
}

async function fetchImageConfig(engine: Asked, id: string): Promise<JsonObject> {
  const image = await orUndefined(
    engine.getJson<{ readonly Config?: JsonObject | null }>(`/images/${id}/json`),
  );
  return image?.Config ?? {};
}

async function orUndefined<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}
