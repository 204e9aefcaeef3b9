/** One event in the words of `GET /events` (reference: events.json). */
export interface EngineEvent {
  readonly type: "container" | "image" | "network" | "volume" | "daemon" | "builder" | "plugin";
  readonly action: string;
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly scope: "local";
  /** Nanoseconds since the Unix epoch; strictly increasing within one engine. */
  readonly timeNanos: bigint;
}

export interface Events {
  publish(event: Omit<EngineEvent, "timeNanos" | "scope">): void;
  /** The last 256, oldest first. */
  recent(): readonly EngineEvent[];
  /**
   * Events from now on. The queue holds 1,024; a reader that falls behind is ended with an
   * UnavailableError rather than holding up the engine.
   */
  subscribe(signal: AbortSignal): AsyncIterable<EngineEvent>;
}
