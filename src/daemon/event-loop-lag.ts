import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Logger } from "./logger.ts";

const REPORT_INTERVAL_MS = 10_000;
/** The engine's own rule: its event loop never blocks for longer. */
const LAG_LIMIT_MS = 20;
const NANOS_PER_MS = 1e6;

/** Writes to the debug log when the event loop was blocked, until disposed. */
export function openLagMonitor(logger: Logger): Disposable {
  const histogram = monitorEventLoopDelay({ resolution: 10 });
  histogram.enable();
  const timer = setInterval(() => {
    const maxMs = Math.round(histogram.max / NANOS_PER_MS);
    if (maxMs > LAG_LIMIT_MS) logger.debug("The event loop was blocked", { maxMs });
    histogram.reset();
  }, REPORT_INTERVAL_MS);
  timer.unref();
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      histogram.disable();
    },
  };
}
