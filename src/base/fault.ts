/** What kind of thing is not as it should be. */
export type FaultKind =
  | "mount"
  | "layer"
  | "folder"
  | "blob"
  | "link"
  | "rules"
  | "namespace"
  | "cgroup"
  | "process"
  | "record"
  | "database";

/** One thing that is not as it should be, with what would end that. */
export interface Fault {
  readonly kind: FaultKind;
  /** Path, device or id: with `kind` it names the thing for good. */
  readonly subject: string;
  /** What it is and why it should not be so, one line without a full stop. */
  readonly explanation: string;
  /** Absent where somebody has to decide; `explanation` says then what to do. */
  readonly mend?: {
    /** `remove the folder` */
    readonly words: string;
    /** Does nothing when the fault is gone meanwhile. */
    apply(): Promise<void>;
  };
}
