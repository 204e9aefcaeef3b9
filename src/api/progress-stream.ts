import { streamErrorMessage } from "./errors.ts";
import type { Exchange } from "./exchange.ts";

/** Lines that may wait for a slow reader; later ones are dropped, as only the newest progress counts. */
const WAITING_MAX_BYTES = 1024 * 1024;

/**
 * An answer of JSON lines. Its head leaves with the first line, so that what fails before is an
 * ordinary error with a status; what fails later is Docker's `errorDetail` line.
 */
export class ProgressStream {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  write(line: Readonly<Record<string, unknown>>): void {
    const { response } = this.#exchange;
    if (response.destroyed || response.waitingBytes > WAITING_MAX_BYTES) return;
    if (!response.headersSent) response.writeHead(200, { "Content-Type": "application/json" });
    response.write(`${JSON.stringify(line)}\r\n`);
  }

  /** Runs `work` and ends the answer, with an error line when it throws after the first line. */
  async run(work: () => Promise<void>): Promise<void> {
    const { response, explain } = this.#exchange;
    try {
      await work();
    } catch (error) {
      if (!response.headersSent) throw error;
      const message = streamErrorMessage(explain(error));
      response.write(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
    }
    if (!response.headersSent) response.writeHead(200, { "Content-Type": "application/json" });
    response.end();
  }
}
