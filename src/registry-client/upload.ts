import type { Digest } from "#spec/digest.ts";
import { backOffMs } from "./retry.ts";
import type { HttpAnswer } from "./http/send.ts";
import {
  isLostUpload,
  isSpoiltUpload,
  locationOf,
  type UploadRequest,
  UploadSession,
  type UploadTarget,
} from "./upload-session.ts";

export type UploadOutcome =
  | { readonly kind: "sent" }
  /** From another repository of the registry. */
  | { readonly kind: "mounted"; readonly from: string };

/**
 * Sends a blob: small ones in one `PUT`, larger ones by one `PATCH`, in smaller chunks where a server says that
 * it is too large. One that breaks off is gone on with where the registry says that it ended; one that the registry
 * has lost is begun anew, and once one whose bytes came as others. What fails or is aborted is called off there.
 *
 * @see distribution-spec, "Pushing blobs".
 */
export async function uploadBlob(
  target: UploadTarget,
  request: UploadRequest,
  signal: AbortSignal,
): Promise<UploadOutcome> {
  const { retry } = target.session;
  let begun = await beginUpload(target, request, signal);
  let isSpoilt = false;
  for (let attempt = 1; ; attempt++) {
    if (begun.kind === "mounted") return begun;
    const upload = new UploadSession(target, request, begun.location);
    try {
      await upload.run(signal);
      return { kind: "sent" };
    } catch (error) {
      const isLost = isLostUpload(error);
      if (!isLost) await upload.callOff(error);
      signal.throwIfAborted();
      const mayBeginAnew = isLost ? attempt < retry.attempts : isSpoiltUpload(error) && !isSpoilt;
      if (!mayBeginAnew) throw error;
      isSpoilt ||= !isLost;
      request.onProgress(0);
      await retry.sleep(backOffMs(retry, attempt, error), signal);
      begun = await beginUpload(target, { ...request, from: [] }, signal);
    }
  }
}

type BegunUpload =
  | Extract<UploadOutcome, { readonly kind: "mounted" }>
  | { readonly kind: "begun"; readonly location: URL };

async function beginUpload(
  target: UploadTarget,
  { blob, from }: UploadRequest,
  signal: AbortSignal,
): Promise<BegunUpload> {
  const [repository] = from;
  if (repository === undefined) {
    return { kind: "begun", location: locationOf(await startUpload(target, {}, signal)) };
  }
  const answer = await startUpload(target, { mount: blob.digest, from: repository }, signal);
  if (answer.status === 201) return { kind: "mounted", from: repository };
  // an upload has begun instead: nothing is gained by asking for another repository's
  return { kind: "begun", location: locationOf(answer) };
}

async function startUpload(
  { session, path, scope }: UploadTarget,
  mount: { readonly mount?: Digest; readonly from?: string },
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const query = new URLSearchParams(mount as Readonly<Record<string, string>>).toString();
  const answer = await session.request(
    {
      method: "POST",
      target: `v2/${path}/blobs/uploads/${query === "" ? "" : `?${query}`}`,
      // a mount needs to read there as well
      scopes: mount.from === undefined ? [scope] : [scope, `repository:${mount.from}:pull`],
      accepts: mount.mount === undefined ? [202] : [201, 202],
    },
    signal,
  );
  await answer.discard();
  return answer;
}
