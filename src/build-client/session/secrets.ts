import { readFileSync } from "node:fs";
import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { SecretPlace } from "#build-client/build-request.ts";
import { type RpcMethod, unary } from "#rpc/method.ts";
import { SECRET_REQUEST } from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";

/** As BuildKit's clients limit it. */
const SECRET_MAX_BYTES = 500 * 1024;

/** `Secrets.GetSecret`: a file is read when a step asks for it, and nothing of it is kept. */
export function tellSecrets(secrets: ReadonlyMap<string, SecretPlace>): RpcMethod {
  return unary(SECRET_REQUEST, BYTES_MESSAGE, async ({ id }) => {
    const place = secrets.get(id);
    if (!place) throw new NotFoundError(`secret ${id} not found`);
    const data = place.kind === "text" ? Buffer.from(place.text) : readFileSync(place.path);
    if (data.byteLength > SECRET_MAX_BYTES) {
      throw new InvalidArgumentError(`secret ${id} is too large: at most 500KB can be sent`);
    }
    return { data };
  });
}
