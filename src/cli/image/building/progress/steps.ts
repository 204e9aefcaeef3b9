import type { StatusResponse, VertexStatus, VertexWarning } from "#spec/buildkit/control.ts";
import type { Timestamp } from "#spec/buildkit/shared.ts";

/** Lines of a step's output that are told again when it has failed. */
const KEPT_LINES = 10;

/** One line of a step's output. */
export interface StepLine {
  readonly text: string;
  /** Seconds since the step began. */
  readonly seconds: number;
}

/** One step as the events have it so far. */
export interface StepView {
  readonly digest: string;
  /** From 1, in the order in which steps are told of; 0 before. */
  number: number;
  name: string;
  isCached: boolean;
  startedMs: number | undefined;
  completedMs: number | undefined;
  error: string;
  /** Time of earlier times that it ran. */
  readonly doneMs: Map<number, number>;
  readonly statuses: Map<string, VertexStatus>;
  /** Statuses that have changed since they were told of. */
  readonly changed: Set<string>;
  /** Lines that have not been told of. */
  readonly lines: StepLine[];
  /** The last lines. */
  readonly lastLines: StepLine[];
  /** Output after the last newline. */
  partial: string;
  readonly warnings: VertexWarning[];
}

/** Milliseconds since 1970. */
export function toMs({ seconds, nanos }: Timestamp): number {
  return seconds * 1000 + nanos / 1e6;
}

/** All steps of a build, brought up to date by each message. */
export class Steps {
  readonly byDigest: Map<string, StepView> = new Map();
  readonly #decoders = new Map<string, TextDecoder>();

  /** @returns Digests of those that have changed, in the order of the message. */
  apply(status: StatusResponse): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const vertex of status.vertices) {
      const step = this.#step(vertex.digest);
      step.name = vertex.name;
      step.isCached = vertex.isCached;
      step.error = vertex.error;
      step.startedMs = vertex.started && toMs(vertex.started);
      step.completedMs = vertex.completed && toMs(vertex.completed);
      if (step.startedMs !== undefined && step.completedMs !== undefined) {
        step.doneMs.set(step.startedMs, step.completedMs - step.startedMs);
      }
      changed.add(vertex.digest);
    }
    for (const one of status.statuses) {
      const step = this.#step(one.vertex);
      step.statuses.set(one.id, one);
      step.changed.add(one.id);
      changed.add(one.vertex);
    }
    for (const warning of status.warnings) {
      this.#step(warning.vertex).warnings.push(warning);
      changed.add(warning.vertex);
    }
    for (const log of status.logs) {
      const step = this.#step(log.vertex);
      const timeMs = log.timestamp ? toMs(log.timestamp) : (step.startedMs ?? 0);
      this.#log(step, log.message, timeMs);
      changed.add(log.vertex);
    }
    return changed;
  }

  #log(step: StepView, message: Uint8Array, timeMs: number): void {
    let decoder = this.#decoders.get(step.digest);
    if (!decoder) {
      decoder = new TextDecoder();
      this.#decoders.set(step.digest, decoder);
    }
    const text = step.partial + decoder.decode(message, { stream: true });
    const lines = text.split("\n");
    step.partial = lines.pop() ?? "";
    const seconds = Math.max(0, timeMs - (step.startedMs ?? timeMs)) / 1000;
    for (const line of lines) this.#line(step, line.replace(/\r$/, ""), seconds);
  }

  #line(step: StepView, text: string, seconds: number): void {
    const line = { text, seconds };
    step.lines.push(line);
    step.lastLines.push(line);
    if (step.lastLines.length > KEPT_LINES) step.lastLines.shift();
  }

  /** What a step said last, without a newline, is a line when the step has ended. */
  flush(step: StepView): void {
    if (step.partial === "") return;
    const seconds = Math.max(0, (step.completedMs ?? 0) - (step.startedMs ?? 0)) / 1000;
    const { partial } = step;
    step.partial = "";
    this.#line(step, partial, seconds);
  }

  #step(digest: string): StepView {
    let step = this.byDigest.get(digest);
    if (!step) {
      step = {
        digest,
        number: 0,
        name: "",
        isCached: false,
        startedMs: undefined,
        completedMs: undefined,
        error: "",
        doneMs: new Map(),
        statuses: new Map(),
        changed: new Set(),
        lines: [],
        lastLines: [],
        partial: "",
        warnings: [],
      };
      this.byDigest.set(digest, step);
    }
    return step;
  }
}

/** Whether a step ended because the build was given up. */
export function isCancelled({ error }: Pick<StepView, "error">): boolean {
  return error.endsWith("context canceled");
}

/** Seconds that a step has run, all times together. */
export function stepSeconds(step: StepView): number {
  return [...step.doneMs.values()].reduce((sum, ms) => sum + ms, 0) / 1000;
}
