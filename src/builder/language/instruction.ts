import type { ImageHealthcheck } from "#spec/oci-image.ts";
import type { SourceRange } from "./dockerfile-error.ts";
import type { RunMount } from "./run-mounts.ts";

/** What every instruction has. */
interface Common {
  /** On one line, as written. */
  readonly original: string;
  readonly range: SourceRange;
  /** Comments directly above. */
  readonly comments: readonly string[];
}

export interface FromInstruction extends Common {
  readonly kind: "from";
  /** Before expansion. */
  readonly base: string;
  /** Lower case; empty for a stage without a name. */
  readonly name: string;
  /** As written. */
  readonly writtenName: string;
  readonly platform: string;
  /** `AS` in capitals where `FROM` is, and the other way about. */
  readonly hasMatchingCase: boolean;
}

/** A command as RUN, CMD and ENTRYPOINT have it. */
export interface Command {
  readonly words: readonly string[];
  /** Shell form: the shell goes before `words`, of which there is one. */
  readonly isShell: boolean;
}

/** A heredoc of a command or a copy. */
export interface InlineFile {
  readonly name: string;
  /** Leading tabs are gone where `<<-` said so. */
  readonly content: string;
  readonly isExpanded: boolean;
}

export interface RunInstruction extends Common {
  readonly kind: "run";
  readonly command: Command;
  readonly files: readonly InlineFile[];
  /** The `--mount` flags before expansion. @see parseRunMount */
  readonly mounts: readonly string[];
  /** Those mounts as far as they can be read without variables. */
  readonly plainMounts: readonly RunMount[];
  readonly network: "default" | "none" | "host";
  readonly security: "sandbox" | "insecure";
  /** `--device`, as written. */
  readonly devices: readonly string[];
}

export interface CopyInstruction extends Common {
  readonly kind: "copy" | "add";
  /** Before expansion. */
  readonly sources: readonly string[];
  readonly files: readonly InlineFile[];
  readonly destination: string;
  /** Stage, index, named context or image. */
  readonly from?: string;
  readonly chown?: string;
  readonly chmod?: string;
  readonly isLink: boolean;
  readonly keepsParents: boolean;
  readonly excludes: readonly string[];
  readonly keepsGitDirectory?: boolean;
  readonly checksum?: string;
  /** Undefined: local archives are unpacked, remote ones are not. */
  readonly isUnpacked?: boolean;
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}

export interface EnvInstruction extends Common {
  readonly kind: "env" | "label";
  readonly pairs: readonly Pair[];
  readonly isLegacy: boolean;
}

export interface ArgInstruction extends Common {
  readonly kind: "arg";
  readonly args: readonly { readonly name: string; readonly value?: string }[];
}

export interface CommandInstruction extends Common {
  readonly kind: "cmd" | "entrypoint";
  readonly command: Command;
}

export interface TextInstruction extends Common {
  readonly kind: "user" | "workdir" | "stopsignal" | "maintainer";
  readonly text: string;
}

export interface ListInstruction extends Common {
  readonly kind: "expose" | "volume";
  readonly words: readonly string[];
}

export interface ShellInstruction extends Common {
  readonly kind: "shell";
  readonly words: readonly string[];
}

export interface HealthInstruction extends Common {
  readonly kind: "healthcheck";
  readonly healthcheck: ImageHealthcheck;
}

export interface OnbuildInstruction extends Common {
  readonly kind: "onbuild";
  /** The instruction as the image's configuration keeps it, heredocs behind it. */
  readonly trigger: string;
  /** What it will be, already read: what is wrong with it is told at once. */
  readonly instruction: StageInstruction;
}

/** Any instruction of a stage. */
export type StageInstruction =
  | RunInstruction
  | CopyInstruction
  | EnvInstruction
  | ArgInstruction
  | CommandInstruction
  | TextInstruction
  | ListInstruction
  | ShellInstruction
  | HealthInstruction
  | OnbuildInstruction;

export type Instruction = FromInstruction | StageInstruction;
