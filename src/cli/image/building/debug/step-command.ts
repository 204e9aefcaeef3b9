/** A step's command as its user has written it, and the shell that it was written for. */
export interface StepCommandText {
  /** What opens a shell where the step ran. */
  readonly shell: string;
  /** Undefined for a command that is no shell's. */
  readonly script: string | undefined;
  readonly text: string;
}

const DEFAULT_SHELL = "/bin/sh";

/** @param args What the step ran: `/bin/sh -c SCRIPT`, or a program and its arguments. */
export function stepCommandText(args: readonly string[]): StepCommandText {
  const [first = DEFAULT_SHELL] = args;
  const script = args.length >= 3 && args.at(-2) === "-c" ? args.at(-1) : undefined;
  if (script !== undefined) return { shell: first, script, text: script };
  return { shell: DEFAULT_SHELL, script, text: args.map(quoted).join(" ") };
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
