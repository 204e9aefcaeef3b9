import type { SourceRange, SourceText } from "#builder/language/dockerfile-error.ts";
import type { Digest } from "#spec/digest.ts";

/** One step as progress shows it. Told of again with each change; the last is how it stands. */
export interface Vertex {
  /** Stays the same within a build, and for the same step in the next. */
  readonly id: Digest;
  /** `[build 2/5] RUN make`, `exporting to image`. */
  readonly name: string;
  readonly inputs: readonly Digest[];
  readonly startedMs?: number;
  readonly completedMs?: number;
  readonly isCached: boolean;
  readonly error?: string;
}

/** Everything that a build tells while it goes on: every form of progress is made from these. */
export type BuildEvent =
  | { readonly type: "vertex"; readonly vertex: Vertex }
  /** How far something within a vertex is. */
  | {
      readonly type: "status";
      readonly vertexId: Digest;
      /** `transferring context`, `sha256:…` */
      readonly id: string;
      readonly currentBytes: number;
      readonly totalBytes?: number;
      readonly startedMs: number;
      readonly completedMs?: number;
    }
  | {
      readonly type: "log";
      readonly vertexId: Digest;
      readonly stream: "stdout" | "stderr";
      readonly bytes: Uint8Array;
      readonly timeMs: number;
    }
  | {
      readonly type: "warning";
      readonly vertexId: Digest;
      /** `JSONArgsRecommended` */
      readonly rule: string;
      /** What of this file is meant. */
      readonly message: string;
      /** What the rule is about. */
      readonly description: string;
      readonly url?: string;
      readonly source: SourceText;
      readonly range?: SourceRange;
    }
  /** An instruction begins or ends, those without a vertex too; for the progress of the classic API. */
  | {
      readonly type: "instruction";
      /** Position among all instructions that this build carries out, from 1. */
      readonly number: number;
      readonly total: number;
      readonly text: string;
      readonly vertexId?: Digest;
      readonly phase: "begin" | "end";
      readonly isCached: boolean;
      /** At the end: what stands for the image as it is now. */
      readonly imageId?: Digest;
    };

export type OnBuildEvent = (event: BuildEvent) => void;
