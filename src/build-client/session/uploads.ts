import { NotFoundError } from "#base/errors.ts";
import type { RpcMethod } from "#rpc/method.ts";
import { UPLOAD_PATH_KEY } from "#spec/buildkit/session.ts";
import { BYTES_MESSAGE } from "#spec/buildkit/shared.ts";

const CHUNK_BYTES = 32 * 1024;

/** `Upload.Pull`: what comes by standard input. */
export function sendUploads(uploads: ReadonlyMap<string, AsyncIterable<Uint8Array>>): RpcMethod {
  const left = new Map(uploads);
  return async function* pull(call) {
    const [path = ""] = call.metadata.get(UPLOAD_PATH_KEY) ?? [];
    const id = path.replace(/^\//, "");
    const source = left.get(id);
    if (!source) throw new NotFoundError(`no http response from session for ${id}`);
    left.delete(id);
    for await (const chunk of source) {
      for (let at = 0; at < chunk.byteLength; at += CHUNK_BYTES) {
        yield BYTES_MESSAGE.encode({ data: chunk.subarray(at, at + CHUNK_BYTES) });
      }
    }
  };
}
