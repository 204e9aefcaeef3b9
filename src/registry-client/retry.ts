import type { Sleep } from "#base/async.ts";
import { RegistryAnswerError } from "./errors.ts";
import { UnreachableError } from "./http/url-errors.ts";

/** How often and how fast something is tried again. */
export interface RetryPolicy {
  readonly sleep: Sleep;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** Tries in all. */
  readonly attempts: number;
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
}

/** Whether another try may succeed where this one failed. */
export function mayHeal(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  if (!(error instanceof RegistryAnswerError)) return false;
  const { status } = error;
  return status === 408 || status === 429 || (status >= 500 && status !== 501);
}

/**
 * Time to wait before the next try: twice as long each time, by chance between half of it and all, and
 * never less than the registry asks for.
 *
 * @param attempt That failed, from 1.
 */
export function backOffMs(policy: RetryPolicy, attempt: number, error: unknown): number {
  const fullMs = Math.min(policy.firstDelayMs * 2 ** (attempt - 1), policy.maxDelayMs);
  const delayMs = fullMs / 2 + policy.random() * (fullMs / 2);
  const asked = error instanceof RegistryAnswerError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(delayMs, asked);
}

/** Does `work` until it succeeds, fails for good, or was tried often enough. */
export async function withRetries<Value>(
  policy: RetryPolicy,
  work: () => Promise<Value>,
  signal: AbortSignal,
  mayRetry: (error: unknown) => boolean = mayHeal,
): Promise<Value> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= policy.attempts || signal.aborted || !mayRetry(error)) throw error;
      await policy.sleep(backOffMs(policy, attempt, error), signal);
    }
  }
}
