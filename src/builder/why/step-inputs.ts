import { PROXY_ARGUMENTS } from "#builder/graph/global-arguments.ts";
import type { FileAction, Step } from "#builder/graph/step.ts";
import { digestHex, digestOf } from "#spec/digest.ts";

/** What a step depended on, part by part; values as short digests, so that nothing of them is kept. */
export interface StepInputs {
  readonly title: string;
  /** Stage and position, which stay when the instruction is written anew. */
  readonly place: string;
  readonly parent: string;
  /** ARG and ENV by name. */
  readonly environment: Readonly<Record<string, string>>;
  /** `--chown`, `USER`, `--mount`, … */
  readonly flags: Readonly<Record<string, string>>;
  /** Files that it took from elsewhere by path; at most as many as are listed. */
  readonly files: Readonly<Record<string, string>>;
  /** Of all that it took, listed or not. */
  readonly content: string;
  readonly doneMs: number;
}

const SHORT_LENGTH = 16;

export function shortDigest(value: unknown): string {
  return digestHex(digestOf(JSON.stringify(value ?? null))).slice(0, SHORT_LENGTH);
}

/** ARG and ENV of a step, each by the digest of its value. */
export function environmentOf(step: Step): Readonly<Record<string, string>> {
  if (step.kind !== "run") return {};
  const rows = step.env.map((row): readonly [string, string] => {
    const at = row.indexOf("=");
    return [row.slice(0, at), shortDigest(row.slice(at + 1))];
  });
  return Object.fromEntries(rows.filter(([name]) => !PROXY_ARGUMENTS.has(name)));
}

/** What else a step says, by the word that says it. */
export function flagsOf(step: Step, network: string): Readonly<Record<string, string>> {
  const said: Record<string, unknown> =
    step.kind === "run"
      ? {
          command: [step.args, step.script ?? null],
          WORKDIR: step.cwd,
          USER: step.user,
          "--network": step.network === "default" ? network : step.network,
          "--security": step.isPrivileged,
          "--mount": step.mounts,
        }
      : filesFlags(step.isLink, step.actions);
  return Object.fromEntries(
    Object.entries(said).map(([name, value]) => [name, shortDigest(value)]),
  );
}

function filesFlags(isLink: boolean, actions: readonly FileAction[]): Record<string, unknown> {
  const each = (read: (action: FileAction) => unknown): unknown => actions.map(read);
  return {
    "--link": isLink,
    "--chown": each((action) => ("owner" in action ? action.owner : undefined)),
    "--chmod": each((action) => ("mode" in action ? action.mode : undefined)),
    "--parents": each((action) => action.kind === "copy" && action.keepsParents),
    "--exclude": each((action) => ("excludes" in action ? action.excludes : [])),
    "--checksum": each((action) => ("checksum" in action ? action.checksum : undefined)),
    command: each((action) => {
      switch (action.kind) {
        case "folder":
          return [action.kind, action.path];
        case "file":
          return [action.kind, action.content, action.destination];
        case "copy":
          return [action.kind, action.origin.kind, action.source, action.destination];
        case "http":
        case "git":
          return [action.kind, action.url, action.destination];
      }
    }),
  };
}
