import type { ImageExecutionConfig, ImageHistoryEntry } from "#spec/oci-image.ts";
import type { Platform } from "#spec/platform.ts";

/** A layer of a stage, or the step without files that stands in the history in its place. */
export type HistoryItem = Omit<ImageHistoryEntry, "created"> & {
  /** RFC 3339. Steps without files have none until the image is made. */
  readonly created?: string;
};

/** One ARG of a stage, in the order of the file. */
export interface BuildArgument {
  readonly name: string;
  /** Undefined: declared, and nobody gave a value. */
  readonly value: string | undefined;
}

/** What a stage is after some of its instructions, but for its files. */
export interface StageState {
  readonly config: ImageExecutionConfig;
  readonly author: string;
  readonly platform: Platform;
  readonly osFeatures: readonly string[];
  readonly history: readonly HistoryItem[];
  /** ARGs in scope. */
  readonly args: readonly BuildArgument[];
  /** ENV and ARG as one, later ones winning: what expansion and RUN see. */
  readonly variables: ReadonlyMap<string, string>;
  /** A CMD of this stage: ENTRYPOINT keeps it. */
  readonly hasOwnCommand: boolean;
}

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_SHELL: readonly string[] = ["/bin/sh", "-c"];

/** Words of the shell that a shell form is given to. */
export function shellOf(config: ImageExecutionConfig): readonly string[] {
  return config.shell ?? DEFAULT_SHELL;
}

/** `NAME=value` rows as pairs; a row without `=` has an empty value. */
export function pairsOf(env: readonly string[]): readonly (readonly [string, string])[] {
  return env.map((row) => {
    const at = row.indexOf("=");
    return at < 0 ? [row, ""] : [row.slice(0, at), row.slice(at + 1)];
  });
}

/** Sets variables in place, new ones at the end. */
export function withVariables(
  env: readonly string[],
  pairs: readonly { readonly name: string; readonly value: string }[],
): readonly string[] {
  let rows = env;
  for (const { name, value } of pairs) {
    const row = `${name}=${value}`;
    const at = rows.findIndex((one) => one === name || one.startsWith(`${name}=`));
    rows = at < 0 ? [...rows, row] : rows.with(at, row);
  }
  return rows;
}

/**
 * What a stage begins with.
 *
 * @param base The image's or the other stage's configuration; its triggers are the caller's to run.
 */
export function beginStage(base: {
  readonly config: ImageExecutionConfig;
  readonly author: string;
  readonly platform: Platform;
  readonly osFeatures: readonly string[];
  readonly history: readonly HistoryItem[];
  /** Of the stage that this one is made from. */
  readonly args?: readonly BuildArgument[];
  readonly variables?: ReadonlyMap<string, string>;
}): StageState {
  const pairs = pairsOf(base.config.env);
  const hasPath = pairs.some(([name]) => name === "PATH");
  const env = hasPath ? base.config.env : [...base.config.env, `PATH=${DEFAULT_PATH}`];
  return {
    ...base,
    config: { ...base.config, env, onBuild: [] },
    args: base.args ?? [],
    variables: base.variables ?? new Map(pairsOf(env)),
    hasOwnCommand: false,
  };
}
