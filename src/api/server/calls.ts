import { CancelledError } from "#base/errors.ts";

/** One request, or a taken-over connection, until it is over. */
export interface OpenCall {
  /** Aborts when the client hangs up, the server ends, or the call is over. */
  readonly signal: AbortSignal;
  hangUp(): void;
  over(): void;
}

interface Entry {
  readonly route: () => string;
  readonly beginMs: number;
}

/** What is under way: to show it, and to end it with the server. */
export class Calls {
  readonly #open = new Map<AbortController, Entry>();
  /** Made once: each call ends with it, and nobody looks where it came from. */
  readonly #over = new CancelledError("The client hung up");

  /** @param route Names it where somebody asks: `GET /events`. */
  begin(route: () => string): OpenCall {
    const controller = new AbortController();
    this.#open.set(controller, { route, beginMs: performance.now() });
    return {
      signal: controller.signal,
      hangUp: () => controller.abort(new CancelledError("The client hung up")),
      over: () => {
        this.#open.delete(controller);
        controller.abort(this.#over);
      },
    };
  }

  abortAll(reason: CancelledError): void {
    for (const controller of this.#open.keys()) controller.abort(reason);
  }

  /** Oldest first. */
  list(): readonly { readonly route: string; readonly ageMs: number }[] {
    const nowMs = performance.now();
    return [...this.#open.values()].map(({ route, beginMs }) => ({
      route: route(),
      ageMs: Math.trunc(nowMs - beginMs),
    }));
  }
}
