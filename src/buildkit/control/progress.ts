import { assertNever } from "#base/errors.ts";
import type { BuildEvent } from "#builder/events.ts";
import type { StatusResponse, StatusVertex } from "#spec/buildkit/control.ts";
import { toTimestamp } from "#spec/buildkit/shared.ts";

/** What a step may say, as BuildKit limits it. */
const STEP_LOG_MAX_BYTES = 2 * 1024 * 1024;
/** What all steps of a build may say while nobody reads it. */
const WAITING_MAX_BYTES = 64 * 1024 * 1024;
/** Of the messages of one answer. */
const BATCH_MAX_BYTES = 1024 * 1024;
const CLIPPED = Buffer.from("\n[output clipped, log limit 2MiB reached]\n");
const TOO_MUCH = Buffer.from("\n[output clipped: the client does not read it]\n");

type Item = Partial<StatusResponse>;

/** The events of one build as `Control.Status` tells them, also to who asks late. Memory is bounded. */
export class BuildProgress {
  #items: { readonly item: Item; readonly sizeBytes: number }[] = [];
  #waitingBytes = 0;
  #hasEnded = false;
  #wake = Promise.withResolvers<void>();
  readonly #logged = new Map<string, number>();
  readonly #onItem: ((item: Item) => void) | undefined;

  /** @param onItem Told of all that is told, whether somebody reads it or not. */
  constructor(onItem?: (item: Item) => void) {
    this.#onItem = onItem;
  }

  take(event: BuildEvent): void {
    switch (event.type) {
      case "vertex": {
        const { vertex } = event;
        const told: StatusVertex = {
          digest: vertex.id,
          inputs: vertex.inputs,
          name: vertex.name,
          isCached: vertex.isCached,
          started: optionalTime(vertex.startedMs),
          completed: optionalTime(vertex.completedMs),
          error: vertex.error ?? "",
        };
        return this.#add({ vertices: [told] }, 0);
      }
      case "status":
        return this.#add(
          {
            statuses: [
              {
                id: event.id,
                vertex: event.vertexId,
                name: "",
                current: event.currentBytes,
                total: event.totalBytes ?? 0,
                timestamp: toTimestamp(event.completedMs ?? event.startedMs),
                started: toTimestamp(event.startedMs),
                completed: optionalTime(event.completedMs),
              },
            ],
          },
          0,
        );
      case "log":
        return this.#log(event);
      case "warning":
        return this.#warn(event);
      case "instruction":
        return; // the classic door's
      default:
        assertNever(event);
    }
  }

  /** Nothing more comes: readers end. */
  end(): void {
    this.#hasEnded = true;
    this.#wake.resolve();
  }

  /** From the beginning, or from where the reader before had got. */
  async *read(signal: AbortSignal): AsyncGenerator<Item> {
    const onAbort = (): void => this.#wake.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      for (;;) {
        signal.throwIfAborted();
        const batch = this.#takeBatch();
        if (batch) yield batch;
        else if (this.#hasEnded) return;
        else {
          await this.#wake.promise;
          this.#wake = Promise.withResolvers();
        }
      }
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  #takeBatch(): Item | undefined {
    let sizeBytes = 0;
    let count = 0;
    for (const { sizeBytes: one } of this.#items) {
      if (count > 0 && sizeBytes + one > BATCH_MAX_BYTES) break;
      sizeBytes += one;
      count++;
    }
    if (count === 0) return undefined;
    const taken = this.#items.splice(0, count).map(({ item }) => item);
    this.#waitingBytes -= sizeBytes;
    return {
      vertices: taken.flatMap(({ vertices = [] }) => vertices),
      statuses: taken.flatMap(({ statuses = [] }) => statuses),
      logs: taken.flatMap(({ logs = [] }) => logs),
      warnings: taken.flatMap(({ warnings = [] }) => warnings),
    };
  }

  #add(item: Item, sizeBytes: number): void {
    this.#onItem?.(item);
    this.#items.push({ item, sizeBytes });
    this.#waitingBytes += sizeBytes;
    this.#wake.resolve();
  }

  #log({ vertexId, bytes, stream, timeMs }: Extract<BuildEvent, { type: "log" }>): void {
    const before = this.#logged.get(vertexId) ?? 0;
    if (before > STEP_LOG_MAX_BYTES) return;
    const isTooMuch = this.#waitingBytes > WAITING_MAX_BYTES;
    const isClipped = before + bytes.byteLength > STEP_LOG_MAX_BYTES;
    this.#logged.set(vertexId, isTooMuch ? Infinity : before + bytes.byteLength);
    const kept = isTooMuch ? new Uint8Array() : bytes.slice(0, STEP_LOG_MAX_BYTES - before);
    const note = isTooMuch ? TOO_MUCH : isClipped ? CLIPPED : new Uint8Array();
    const message = note.byteLength > 0 ? Buffer.concat([kept, note]) : kept;
    const log = {
      vertex: vertexId,
      timestamp: toTimestamp(timeMs),
      stream: stream === "stdout" ? 1 : 2,
      message,
    };
    this.#add({ logs: [log] }, message.byteLength);
  }

  #warn(event: Extract<BuildEvent, { type: "warning" }>): void {
    const { range, source } = event;
    const place = range ? ` (line ${range.startLine})` : "";
    this.#add(
      {
        warnings: [
          {
            vertex: event.vertexId,
            level: 1,
            short: Buffer.from(`${event.rule}: ${event.message}${place}`),
            detail: [Buffer.from(event.description)],
            url: event.url ?? "",
            info: {
              fileName: source.fileName,
              data: Buffer.from(source.text),
              language: "Dockerfile",
            },
            ranges: range
              ? [
                  {
                    start: { line: range.startLine, character: 0 },
                    end: { line: range.endLine, character: 0 },
                  },
                ]
              : [],
          },
        ],
      },
      0,
    );
  }
}

function optionalTime(timeMs: number | undefined): ReturnType<typeof toTimestamp> | undefined {
  return timeMs === undefined ? undefined : toTimestamp(timeMs);
}
