import { InvalidArgumentError } from "#base/errors.ts";
import type { JsonReader } from "#base/json-reader.ts";
import type { Tag } from "#registry-server/metadata/tags.ts";
import { isTagPattern, matchesTagPattern } from "./tag-pattern.ts";

/** Which of the tags that match are kept: those that any of the limits keeps. */
export interface RetentionRule {
  readonly tags: string;
  readonly keepLast?: number;
  readonly keepPushedDays?: number;
  readonly keepPulledDays?: number;
}

const DAY_MS = 24 * 3_600_000;
const RULES_MAX = 50;
const LIMITS = ["keepLast", "keepPushedDays", "keepPulledDays"] as const;

/** @throws {InvalidArgumentError} A rule without limits would remove all. */
export function parseRetention(rules: readonly JsonReader[]): readonly RetentionRule[] {
  if (rules.length > RULES_MAX) {
    throw new InvalidArgumentError(`Cannot set retention: more than ${RULES_MAX} rules`);
  }
  return rules.map((rule) => {
    const tags = rule.string("tags") ?? "*";
    if (!isTagPattern(tags)) {
      throw new InvalidArgumentError(`Cannot set retention: ${JSON.stringify(tags)} is no pattern`);
    }
    const limits = LIMITS.flatMap((key) => {
      const value = rule.integer(key);
      if (value === undefined) return [];
      if (value < 1) throw new InvalidArgumentError(`Cannot set retention: ${key} is ${value}`);
      return [[key, value] as const];
    });
    if (limits.length === 0) {
      throw new InvalidArgumentError(`Cannot set retention: want one of ${LIMITS.join(", ")}`);
    }
    return { tags, ...Object.fromEntries(limits) };
  });
}

/**
 * Tags that no rule keeps. A tag that no rule is about stays; where several are, the first decides.
 *
 * @returns Names, in the order of `tags`.
 */
export function planRetention(
  rules: readonly RetentionRule[],
  tags: readonly Tag[],
  nowMs: number,
): readonly string[] {
  const doomed = new Set<string>();
  const decided = new Set<string>();
  for (const rule of rules) {
    const matching = tags
      .filter((tag) => !decided.has(tag.name) && matchesTagPattern(rule.tags, tag.name))
      .toSorted((a, b) => b.pushedMs - a.pushedMs);
    for (const [position, tag] of matching.entries()) {
      decided.add(tag.name);
      if (!isKept(rule, tag, position, nowMs)) doomed.add(tag.name);
    }
  }
  return tags.filter((tag) => doomed.has(tag.name)).map((tag) => tag.name);
}

function isKept(rule: RetentionRule, tag: Tag, position: number, nowMs: number): boolean {
  const { keepLast, keepPushedDays, keepPulledDays } = rule;
  const isWithin = (ms: number, days: number | undefined): boolean =>
    days !== undefined && ms > nowMs - days * DAY_MS;
  return (
    (keepLast !== undefined && position < keepLast) ||
    isWithin(tag.pushedMs, keepPushedDays) ||
    isWithin(tag.pulledMs, keepPulledDays)
  );
}
