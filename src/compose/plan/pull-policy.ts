import { InvalidArgumentError } from "#base/errors.ts";

/** When an image is pulled, and when it is built. */
export type PullPolicy =
  | { readonly kind: "always" | "never" | "missing" | "build" }
  /** Anew where it was pulled longer ago than this. */
  | { readonly kind: "refresh"; readonly afterMs: number };

const UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/**
 * `always`, `missing`, `if_not_present`, `never`, `build`, `daily`, `weekly`, `every_12h`; `refresh` is always.
 *
 * @throws {InvalidArgumentError} None of them.
 */
export function parsePullPolicy(text: string | undefined): PullPolicy {
  switch (text) {
    case undefined:
    case "":
    case "missing":
    case "if_not_present":
      return { kind: "missing" };
    case "always":
    case "never":
    case "build":
      return { kind: text };
    case "refresh":
      return { kind: "always" };
    case "daily":
      return { kind: "refresh", afterMs: UNITS_MS["d"] ?? 0 };
    case "weekly":
      return { kind: "refresh", afterMs: UNITS_MS["w"] ?? 0 };
    default:
      return { kind: "refresh", afterMs: everyMs(text) };
  }
}

function everyMs(text: string): number {
  const [, words = ""] = /^every_((?:\d+(?:\.\d+)?(?:ms|[smhdw]))+)$/.exec(text) ?? [];
  if (words === "") throw new InvalidArgumentError(`invalid pull_policy ${JSON.stringify(text)}`);
  const parts = words.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g);
  return [...parts].reduce((sum, [, count, unit = ""]) => {
    return sum + Number(count) * (UNITS_MS[unit] ?? 0);
  }, 0);
}

/** What is known of an image on the engine. */
export interface KnownImage {
  readonly id: string;
  /** When it was last pulled or tagged, in ms since 1970; 0 where nobody says. */
  readonly taggedAtMs: number;
}

/** Whether an image that can be pulled is to be. Pure. */
export function isToPull(policy: PullPolicy, there: KnownImage | undefined, now: Date): boolean {
  switch (policy.kind) {
    case "always":
      return true;
    case "never":
    case "build":
      return false;
    case "missing":
      return there === undefined;
    case "refresh":
      return there === undefined || now.getTime() > there.taggedAtMs + policy.afterMs;
  }
}
