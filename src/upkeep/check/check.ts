import { messageOf } from "#base/errors.ts";
import type { Fault } from "#base/fault.ts";
import type { Clock } from "#host/clock.ts";

/** Between the two looks: longer than any step in which a record and the world may differ. */
const SECOND_LOOK_MS = 400;

export interface CheckRequest {
  /** Mend what can be mended. */
  readonly repair: boolean;
  /** Read every blob and hold it against its digest. */
  readonly deep: boolean;
}

/** A fault, and what became of it. */
export interface Finding {
  readonly fault: Fault;
  readonly outcome: "found" | "mended" | { readonly failure: string };
}

export interface CheckSources {
  /** One for each concern; each looks and changes nothing. */
  readonly audits: readonly (() => Promise<readonly Fault[]> | readonly Fault[])[];
  /** Slow ones, done once and only when asked for. */
  readonly deepAudits: readonly ((signal: AbortSignal) => Promise<readonly Fault[]>)[];
  readonly clock: Pick<Clock, "delay">;
}

function keyOf({ kind, subject }: Fault): string {
  return `${kind} ${subject}`;
}

async function look(audits: CheckSources["audits"]): Promise<readonly Fault[]> {
  const found: Fault[] = [];
  for (const audit of audits) found.push(...(await audit()));
  return found;
}

/** Faults that are there at both looks: what is being made or removed differs for a moment. */
async function findLasting(sources: CheckSources, signal: AbortSignal): Promise<readonly Fault[]> {
  const first = await look(sources.audits);
  if (first.length === 0) return [];
  await sources.clock.delay(SECOND_LOOK_MS, signal);
  const before = new Set(first.map(keyOf));
  return (await look(sources.audits)).filter((fault) => before.has(keyOf(fault)));
}

async function mend(fault: Fault): Promise<Finding> {
  if (!fault.mend) return { fault, outcome: "found" };
  try {
    await fault.mend.apply();
    return { fault, outcome: "mended" };
  } catch (error) {
    return { fault, outcome: { failure: messageOf(error) } };
  }
}

/**
 * Looks through everything, and mends when asked. A mend that leaves its fault there is told as failed.
 *
 * @param signal Ends the looking; a mend under way comes to its end.
 */
export async function runCheck(
  sources: CheckSources,
  request: CheckRequest,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const faults = [...(await findLasting(sources, signal))];
  if (request.deep) {
    for (const audit of sources.deepAudits) faults.push(...(await audit(signal)));
  }
  if (!request.repair) return faults.map((fault) => ({ fault, outcome: "found" }));
  const findings: Finding[] = [];
  for (const fault of faults) {
    signal.throwIfAborted();
    findings.push(await mend(fault));
  }
  if (!findings.some(({ outcome }) => outcome === "mended")) return findings;
  // a mend may leave another fault of the same thing: a damaged blob is a missing one then
  const wordsOf = (fault: Fault): string => `${keyOf(fault)} ${fault.explanation}`;
  const left = new Set((await findLasting(sources, signal)).map(wordsOf));
  return findings.map((finding) =>
    finding.outcome === "mended" && left.has(wordsOf(finding.fault))
      ? { ...finding, outcome: { failure: "it is still there" } }
      : finding,
  );
}
