import type { LogAttributes } from "#logs/logs.ts";
import type { SpoolLine } from "#logs/spool/parse.ts";
import type { PumpSink } from "#logs/spool/pump.ts";
import { JsonLineEncoder } from "./encode.ts";
import type { LineStore, StorePlace } from "./store.ts";

interface State extends StorePlace {
  /** Those of the run, though labels or the name have changed since. */
  readonly attributes: LogAttributes;
}

/**
 * Keeps lines in a store. What is made of the same bytes is always the same: a successor of a killed daemon
 * reads from the checkpoint on and leaves out as many bytes as are in the store beyond its place.
 */
export class LineSink implements PumpSink {
  readonly #store: LineStore;
  #attributes: LogAttributes;
  #encoder: JsonLineEncoder;
  /** While bytes are left out: where the store would be without those that come later. */
  #replayed: StorePlace | undefined;
  #toSkip = 0;

  constructor(store: LineStore, attributes: LogAttributes) {
    this.#store = store;
    this.#attributes = attributes;
    this.#encoder = new JsonLineEncoder(attributes);
  }

  async begin(kept: unknown): Promise<void> {
    await this.#store.open();
    const state = readState(kept);
    if (!state) return;
    this.#attributes = state.attributes;
    this.#encoder = new JsonLineEncoder(state.attributes);
    this.#toSkip = (await this.#store.bytesSince(state)) ?? 0;
    this.#replayed = { inode: state.inode, sizeBytes: state.sizeBytes };
  }

  add(line: SpoolLine): void {
    this.#encoder.add(line);
  }

  async flush(): Promise<void> {
    const lines = this.#encoder.take();
    const skipped = Math.min(this.#toSkip, lines.length);
    this.#toSkip -= skipped;
    if (this.#replayed && this.#toSkip > 0) {
      const { inode, sizeBytes } = this.#replayed;
      this.#replayed = { inode, sizeBytes: sizeBytes + skipped };
      return;
    }
    this.#replayed = undefined;
    await this.#store.append(lines.subarray(skipped));
  }

  rest(): void {
    this.#encoder.shrink();
  }

  state(): State {
    return { ...(this.#replayed ?? this.#store.place), attributes: this.#attributes };
  }
}

function readState(value: unknown): State | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { inode, sizeBytes, attributes }: Partial<Record<keyof State, unknown>> = value;
  if (typeof inode !== "number" || typeof sizeBytes !== "number") return undefined;
  const pairs = typeof attributes === "object" && attributes !== null ? attributes : {};
  return {
    inode,
    sizeBytes,
    attributes: Object.fromEntries(
      Object.entries(pairs).map(([name, item]) => [name, String(item)]),
    ),
  };
}
