/** Time and timers; a test advances its own. */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. */
  nowMs(): number;
  /** Wall clock, nanoseconds since the Unix epoch. */
  nowNanos(): bigint;
  /** Never goes back, milliseconds from an arbitrary start. */
  monotonicMs(): number;
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  delay(delayMs: number, signal?: AbortSignal): Promise<void>;
}
