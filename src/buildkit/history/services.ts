import { NotFoundError, UnsupportedError } from "#base/errors.ts";
import { type RpcMethod, serverStream, unary } from "#rpc/method.ts";
import { CANCELLED, NOT_FOUND, StatusError } from "#rpc/status.ts";
import {
  CONTENT_INFO,
  CONTENT_INFO_RESPONSE,
  CONTENT_READ,
  INFO_REQUEST,
  READ_REQUEST,
  READ_RESPONSE,
} from "#spec/buildkit/content.ts";
import { CONTROL_SERVICE } from "#spec/buildkit/control.ts";
import {
  HISTORY_COMPLETE,
  HISTORY_DELETED,
  HISTORY_EVENT,
  HISTORY_REQUEST,
  HISTORY_STARTED,
  type HistoryEvent,
  UPDATE_HISTORY_REQUEST,
} from "#spec/buildkit/history.ts";
import { EMPTY } from "#spec/buildkit/shared.ts";
import type { BuildHistory, HistoryChange } from "./build-history.ts";
import { type StoredRecord, toWireRecord } from "./stored-record.ts";

const CHUNK_BYTES = 1024 * 1024;
const TYPES: Readonly<Record<HistoryChange["kind"], number>> = {
  started: HISTORY_STARTED,
  complete: HISTORY_COMPLETE,
  deleted: HISTORY_DELETED,
};

/** What `buildx history` calls, and where the statements of a build are read. */
export function historyMethods(history: BuildHistory): readonly (readonly [string, RpcMethod])[] {
  const blobOf = (digest: string): Uint8Array => {
    const found = history.blob(digest);
    if (found) return found;
    const message = `content ${digest}: not found`;
    throw new StatusError({ code: NOT_FOUND, message, details: [] });
  };
  return [
    [
      `${CONTROL_SERVICE}ListenBuildHistory`,
      serverStream(HISTORY_REQUEST, HISTORY_EVENT, async function* listen(request, { signal }) {
        const { ref, isActiveOnly, isEarlyExit, filters, limit } = request;
        const isMeant = recordFilter(filters);
        const isWanted = (record: StoredRecord): boolean =>
          (ref === "" || record.ref === ref) &&
          (!isActiveOnly || record.completedMs === undefined) &&
          isMeant(record);
        const waiting: HistoryChange[] = [];
        let wake = Promise.withResolvers<void>();
        using _listening = history.listen((change) => {
          waiting.push(change);
          wake.resolve();
        });
        const known = history.list().filter(isWanted);
        for (const record of limit > 0 ? known.slice(0, limit) : known) {
          yield eventOf({
            kind: record.completedMs === undefined ? "started" : "complete",
            record,
          });
        }
        if (isEarlyExit) return;
        const onAbort = (): void => wake.resolve();
        signal.addEventListener("abort", onAbort, { once: true });
        while (!signal.aborted) {
          const change = waiting.shift();
          if (!change) {
            await wake.promise;
            wake = Promise.withResolvers();
          } else if (change.kind !== "started" || isWanted(change.record)) {
            if (ref === "" || change.record.ref === ref) yield eventOf(change);
          }
        }
      }),
    ],
    [
      `${CONTROL_SERVICE}UpdateBuildHistory`,
      unary(UPDATE_HISTORY_REQUEST, EMPTY, async ({ ref, isDeleted, isFinalized, isPinned }) => {
        try {
          if (isDeleted) history.remove(ref);
          // what a record has is written when the build ends
          else if (!isFinalized) history.pin(ref, isPinned);
        } catch (error) {
          if (!(error instanceof NotFoundError)) throw error;
          throw new StatusError({ code: NOT_FOUND, message: error.message, details: [] });
        }
        return {};
      }),
    ],
    [
      CONTENT_INFO,
      unary(INFO_REQUEST, CONTENT_INFO_RESPONSE, async ({ digest }) => ({
        info: { digest, sizeBytes: blobOf(digest).byteLength, labels: new Map() },
      })),
    ],
    [
      CONTENT_READ,
      serverStream(
        READ_REQUEST,
        READ_RESPONSE,
        async function* read({ digest, offset, sizeBytes }) {
          const bytes = blobOf(digest);
          const end =
            sizeBytes > 0 ? Math.min(bytes.byteLength, offset + sizeBytes) : bytes.byteLength;
          for (let at = offset; at < end; at += CHUNK_BYTES) {
            yield { offset: at, data: bytes.subarray(at, Math.min(end, at + CHUNK_BYTES)) };
          }
        },
      ),
    ],
  ];
}

function eventOf({ kind, record }: HistoryChange): HistoryEvent {
  return { type: TYPES[kind], record: toWireRecord(record) };
}

/** `status==error,ref!=x`; one of several suffices. @throws {UnsupportedError} Another field. */
function recordFilter(texts: readonly string[]): (record: StoredRecord) => boolean {
  const filters = texts.map((text) =>
    text.split(",").map((condition) => {
      const [, name, operator, value] = /^(ref|status)(==?|!=)"?([^"]*)"?$/.exec(condition) ?? [];
      if (name === undefined) {
        throw new UnsupportedError(
          `Cannot filter the build history by ${condition}: there are ref and status`,
        );
      }
      return { name, isEqual: operator !== "!=", value };
    }),
  );
  if (filters.length === 0) return () => true;
  return (record) =>
    filters.some((conditions) =>
      conditions.every(({ name, isEqual, value }) => {
        const own = name === "ref" ? record.ref : statusOf(record);
        return (own === value) === isEqual;
      }),
    );
}

function statusOf({ completedMs, error }: StoredRecord): string {
  if (completedMs === undefined) return "running";
  if (!error) return "completed";
  return error.code === CANCELLED ? "canceled" : "error";
}
