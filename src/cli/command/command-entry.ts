import type { Command } from "./command.ts";

/** One line of the command table. */
export interface CommandEntry {
  /** What the user types after the program's name: `container ls`. */
  readonly path: string;
  /** Other full spellings, in the order of docker's help: `container list`, `ps`. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly hidden?: boolean;
  readonly load: () => Promise<{ readonly command: Command }>;
}
