import type { HistoryBlob, HistoryRecord, HistoryResult } from "#spec/buildkit/history.ts";
import { toTimestamp } from "#spec/buildkit/shared.ts";

/** A blob of a record's folder, or of an image that the build made. */
export interface StoredBlob {
  readonly mediaType: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What is kept of a build, as JSON. */
export interface StoredRecord {
  readonly ref: string;
  readonly frontend: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly exporters: readonly {
    readonly type: string;
    readonly attributes: Readonly<Record<string, string>>;
  }[];
  readonly error?: { readonly code: number; readonly message: string };
  readonly createdMs: number;
  /** Absent while it is under way. */
  readonly completedMs?: number;
  readonly response: Readonly<Record<string, string>>;
  /** By platform; one without a name where there is one alone. */
  readonly results: Readonly<
    Record<
      string,
      { readonly attestations: readonly StoredBlob[]; readonly images: readonly StoredBlob[] }
    >
  >;
  readonly isPinned: boolean;
  readonly steps: { readonly cached: number; readonly total: number; readonly completed: number };
  readonly warnings: number;
}

export function toWireRecord(record: StoredRecord): HistoryRecord {
  const { error, completedMs, results, steps } = record;
  const entries = Object.entries(results).map(
    ([platform, result]) => [platform, toWireResult(result)] as const,
  );
  return {
    ref: record.ref,
    frontend: record.frontend,
    frontendAttributes: new Map(Object.entries(record.attributes)),
    exporters: record.exporters.map(({ type, attributes }) => ({
      type,
      attributes: new Map(Object.entries(attributes)),
    })),
    error: error && { ...error, details: [] },
    created: toTimestamp(record.createdMs),
    completed: completedMs === undefined ? undefined : toTimestamp(completedMs),
    logs: undefined,
    exporterResponse: new Map(Object.entries(record.response)),
    result: entries.find(([platform]) => platform === "")?.[1],
    results: new Map(entries.filter(([platform]) => platform !== "")),
    generation: completedMs === undefined ? 1 : 2,
    isPinned: record.isPinned,
    cachedSteps: steps.cached,
    totalSteps: steps.total,
    completedSteps: steps.completed,
    warnings: record.warnings,
  };
}

function toWireResult({ attestations, images }: StoredRecord["results"][string]): HistoryResult {
  return {
    attestations: attestations.map(toWireBlob),
    results: images.map((image, key) => ({ key, value: toWireBlob(image) })),
  };
}

function toWireBlob({ mediaType, digest, sizeBytes, annotations }: StoredBlob): HistoryBlob {
  return { mediaType, digest, sizeBytes, annotations: new Map(Object.entries(annotations ?? {})) };
}
