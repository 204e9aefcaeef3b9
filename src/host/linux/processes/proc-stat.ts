/** What /proc/PID/stat says of a process. */
export interface ProcStat {
  /** A zombie, or dead. Not while threads outlive the first one, although that shows as a zombie too. */
  readonly hasEnded: boolean;
  /** In an interruptible sleep, as in poll(2). */
  readonly isAsleep: boolean;
  readonly startTicks: number;
  readonly processGroup: number;
  readonly session: number;
}

/**
 * Parses /proc/PID/stat. The command name may hold blanks and parentheses, so fields count from its last
 * closing one.
 *
 * @returns Undefined when the text is no such line.
 */
export function parseProcStat(text: string): ProcStat | undefined {
  const end = text.lastIndexOf(")");
  if (end < 0) return undefined;
  const fields = text.slice(end + 2).split(" "); // from field 3 on
  const [state = ""] = fields;
  const threads = Number(fields[17]);
  const startTicks = Number(fields[19]);
  if (!Number.isInteger(startTicks)) return undefined;
  const processGroup = Number(fields[2]);
  const session = Number(fields[3]);
  return {
    startTicks,
    processGroup,
    session,
    isAsleep: state === "S",
    hasEnded: state === "X" || (state === "Z" && threads <= 1),
  };
}
