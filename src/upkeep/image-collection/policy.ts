import { parseGoDuration } from "#base/durations.ts";
import { InvalidArgumentError } from "#base/errors.ts";
import { parseBinarySize } from "#base/sizes.ts";
import type { CollectionPolicy } from "./plan.ts";

/** A policy's rules as users write them. */
export interface PolicyTexts {
  /** `720h`. */
  readonly unusedFor?: string | undefined;
  readonly keepPerRepository?: number | undefined;
  /** `10g`. */
  readonly minFree?: string | undefined;
}

const NANOS_PER_MS = 1_000_000;

/** @throws {InvalidArgumentError} A value that is none, or no rule at all. */
export function parsePolicy(texts: PolicyTexts): CollectionPolicy {
  const { unusedFor, keepPerRepository, minFree } = texts;
  if (keepPerRepository !== undefined && keepPerRepository < 0) {
    throw new InvalidArgumentError(`invalid keep-per-repository: ${keepPerRepository}`);
  }
  const policy = {
    ...(unusedFor === undefined ? {} : { unusedForMs: parseMilliseconds(unusedFor) }),
    ...(keepPerRepository === undefined ? {} : { keepPerRepository }),
    ...(minFree === undefined ? {} : { minFreeBytes: parseBinarySize(minFree) }),
  };
  if (Object.keys(policy).length > 0) return policy;
  throw new InvalidArgumentError(
    "no rule says which images may go: unused-for, keep-per-repository or min-free",
  );
}

/** @throws {InvalidArgumentError} No duration, or one below zero. */
export function parseMilliseconds(text: string): number {
  const duration = parseGoDuration(text) / NANOS_PER_MS;
  if (duration >= 0) return duration;
  throw new InvalidArgumentError(`invalid duration: ${text}`);
}
