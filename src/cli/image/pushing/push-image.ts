import { FailedPreconditionError } from "#base/errors.ts";
import type { EngineClient } from "#client/engine-client.ts";
import { parseImageReference, repositoryName, withDefaultTag } from "#spec/reference.ts";

interface PushMessage {
  readonly error?: string;
}

/** Who is asked to push, and as whom. */
export interface PushParts {
  readonly engine: Pick<EngineClient, "messages">;
  readonly registryHeaders: (domain: string) => Promise<Readonly<Record<string, string>>>;
}

/** Has the engine push an image, and tells nothing. @throws {FailedPreconditionError} In the registry's words. */
export async function pushImage(
  image: string,
  { engine, registryHeaders }: PushParts,
): Promise<void> {
  const reference = withDefaultTag(parseImageReference(image));
  const messages = engine.messages<PushMessage>(
    "POST",
    `/images/${repositoryName(reference)}/push`,
    {
      query: { tag: reference.tag ?? "" },
      headers: await registryHeaders(reference.domain),
    },
  );
  for await (const { error } of messages) {
    if (error !== undefined) throw new FailedPreconditionError(error);
  }
}
