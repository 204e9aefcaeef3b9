import type { Command } from "./command.ts";

/** One line of the command table. */
export interface CommandEntry {
  /** What the user types after the program's name: `container ls`. */
  readonly path: string;
  /** Other full spellings, in the order of docker's help: `container list`, `ps`. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly hidden?: boolean;
  /** It asks the engine for a process, which makes ready for that as soon as a client connects. */
  readonly startsProcess?: true;
  readonly load: () => Promise<{ readonly command: Command }>;
}
