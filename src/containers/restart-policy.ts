import type { RestartPolicy } from "#spec/engine-api/host-config.ts";

/**
 * Docker's restart policies. The wait before a restart begins at 100 ms and doubles up to a minute; a
 * container that ran for 10 s begins anew.
 */
export interface RestartSituation {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  /** How long it ran. */
  readonly ranMs: number;
  /** Restarts by the policy since the user started it. */
  readonly restartCount: number;
  /** The wait before the last restart; 0 before the first. */
  readonly lastDelayMs: number;
  /** By `stop` or `kill`, or the engine itself is ending. */
  readonly isHeldBack: boolean;
  /** It was ended because of its health, to be started again whatever the policy. */
  readonly isForHealth: boolean;
}

export type RestartDecision =
  | { readonly restart: false }
  | { readonly restart: true; readonly delayMs: number };

const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 60_000;
const STEADY_AFTER_MS = 10_000;

/** What follows an exit while the engine runs. */
export function planRestart(situation: RestartSituation): RestartDecision {
  const isWanted = situation.isForHealth || wantsRestart(situation);
  if (situation.isHeldBack || !isWanted) return { restart: false };
  const isSteady = situation.ranMs >= STEADY_AFTER_MS;
  const delayMs =
    isSteady || situation.lastDelayMs === 0
      ? FIRST_DELAY_MS
      : Math.min(situation.lastDelayMs * 2, MAX_DELAY_MS);
  return { restart: true, delayMs };
}

function wantsRestart(
  situation: Pick<RestartSituation, "policy" | "exitCode" | "restartCount">,
): boolean {
  const { policy, exitCode, restartCount } = situation;
  switch (policy.Name) {
    case "no":
      return false;
    case "always":
    case "unless-stopped":
      return true;
    case "on-failure":
      return (
        exitCode !== 0 &&
        (policy.MaximumRetryCount === 0 || restartCount < policy.MaximumRetryCount)
      );
  }
}

/** Whether a container that is found ended when the engine begins is started by its policy. */
export function restartsWithEngine(situation: {
  readonly policy: RestartPolicy;
  readonly exitCode: number;
  readonly restartCount: number;
  readonly stoppedByUser: boolean;
}): boolean {
  // `always` comes back even when the user had stopped it: what tells it from `unless-stopped`
  if (situation.policy.Name === "always") return true;
  return !situation.stoppedByUser && wantsRestart(situation);
}
