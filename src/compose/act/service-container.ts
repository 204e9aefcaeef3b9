import { NotFoundError } from "#base/errors.ts";
import { observeContainers, type ObservedContainer } from "#compose/observe/observed.ts";
import type { ActParts } from "./act-parts.ts";

/**
 * The containers of a service that run, the first first; of `run`, only where wanted.
 *
 * @param index From 1; 0 for all.
 * @throws {NotFoundError} There is none, in docker compose's words.
 */
export async function runningContainers(
  projectName: string,
  service: string,
  { engine }: Pick<ActParts, "engine">,
  options: {
    readonly index: number;
    readonly withOneOffs?: boolean;
    readonly withStopped?: boolean;
  },
): Promise<readonly ObservedContainer[]> {
  const { index, withOneOffs = false, withStopped = false } = options;
  const all = await observeContainers(engine, projectName, { withOneOffs });
  const found = all
    .filter((each) => each.service === service && (index === 0 || each.number === index))
    .filter(({ state }) => withStopped || state === "running" || state === "paused");
  if (found.length > 0) return found;
  if (index > 0) {
    throw new NotFoundError(
      `service ${JSON.stringify(service)} is not running container #${index}`,
    );
  }
  throw new NotFoundError(`service ${JSON.stringify(service)} is not running`);
}
