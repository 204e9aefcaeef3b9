import { CancelledError } from "#base/errors.ts";

/** One request, or a taken-over connection, until it is over. */
export interface OpenCall {
  /** Aborts when the client hangs up, the server ends, or the call is over. */
  readonly signal: AbortSignal;
  hangUp(): void;
  over(): void;
}

/** What is under way: to show it, and to end it with the server. */
export class Calls {
  readonly #open = new Set<RunningCall>();
  /** Made once: each call ends with it, and nobody looks where it came from. */
  readonly #over = new CancelledError("The client hung up");

  /** @param route Names it where somebody asks: `GET /events`. */
  begin(route: () => string): OpenCall {
    const call = new RunningCall(route, () => {
      this.#open.delete(call);
      call.abort(this.#over);
    });
    this.#open.add(call);
    return call;
  }

  abortAll(reason: CancelledError): void {
    for (const call of this.#open) call.abort(reason);
  }

  /** Oldest first. */
  list(): readonly { readonly route: string; readonly ageMs: number }[] {
    const nowMs = performance.now();
    return [...this.#open].map(({ route, beginMs }) => ({
      route: route(),
      ageMs: Math.trunc(nowMs - beginMs),
    }));
  }
}

/** Its signal is made where somebody asks for it: most calls are answered at once, and it took a tenth of their time. */
class RunningCall implements OpenCall {
  readonly route: () => string;
  readonly beginMs: number = performance.now();
  readonly over: () => void;
  #controller: AbortController | undefined;
  #reason: CancelledError | undefined;

  constructor(route: () => string, over: () => void) {
    this.route = route;
    this.over = over;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  readonly hangUp = (): void => this.abort(new CancelledError("The client hung up"));

  /** The first reason counts. */
  abort(reason: CancelledError): void {
    this.#reason ??= reason;
    this.#controller?.abort(reason);
  }
}
