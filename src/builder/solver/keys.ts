import { PROXY_ARGUMENTS } from "#builder/graph/global-arguments.ts";
import type { FileAction, Step } from "#builder/graph/step.ts";
import type { RunMount } from "#builder/language/run-mounts.ts";
import { type ChainId, type Digest, digestOf } from "#spec/digest.ts";
import { formatPlatform, type Platform } from "#spec/platform.ts";

/** Changes with anything that makes an old result wrong for a new engine. */
const KEY_VERSION = 1;

/** What a step is put on. */
export interface StepBase {
  readonly parent: ChainId | undefined;
  readonly platform: Platform;
  /** Network that RUN has where it asks for no other. */
  readonly network: string;
}

/**
 * The digest of all that a step's result depends on.
 *
 * @param inputs What the files are that it takes from elsewhere: digests of their content, or the names of the trees that
 *   they are in, which are known sooner. In the order of the step's actions or mounts.
 */
export function stepKey(step: Step, base: StepBase, inputs: readonly string[]): Digest {
  const definition = step.kind === "run" ? runDefinition(step, base) : filesDefinition(step);
  const parent = base.parent ?? "scratch";
  const platform = formatPlatform(base.platform);
  return digestOf(JSON.stringify([KEY_VERSION, step.kind, definition, parent, platform, inputs]));
}

function runDefinition(step: Extract<Step, { readonly kind: "run" }>, base: StepBase): unknown {
  const isOwn = (row: string): boolean => !PROXY_ARGUMENTS.has(row.slice(0, row.indexOf("=")));
  return [
    step.args,
    step.env.filter(isOwn),
    step.cwd,
    step.user,
    step.mounts.map(mountDefinition),
    step.network === "default" ? base.network : step.network,
    step.isPrivileged,
    step.script ?? null,
  ];
}

/** Without what secrets and caches hold, and what a cache is called. */
function mountDefinition(mount: RunMount): unknown {
  switch (mount.type) {
    case "bind":
      return [mount.type, mount.target, mount.source, mount.isReadOnly];
    case "cache":
      return [mount.type, mount.target, mount.source, mount.isReadOnly];
    case "tmpfs":
      return [mount.type, mount.target, mount.sizeBytes ?? 0];
    case "secret":
      return [mount.type, mount.id, mount.target ?? "", mount.variable ?? "", mount.mode];
    case "ssh":
      return [mount.type, mount.id, mount.target ?? "", mount.mode];
  }
}

function filesDefinition(step: Extract<Step, { readonly kind: "files" }>): unknown {
  return [step.isLink, step.actions.map(actionDefinition)];
}

function actionDefinition(action: FileAction): unknown {
  switch (action.kind) {
    case "folder":
      return [action.kind, action.path, action.owner];
    case "file":
      return [
        action.kind,
        action.name,
        digestOf(action.content),
        action.destination,
        action.owner ?? "",
        action.mode ?? "",
      ];
    case "copy":
      return [
        action.kind,
        action.origin.kind === "context",
        action.destination,
        action.owner ?? "",
        action.mode ?? "",
        action.keepsParents ? action.source : "",
        action.unpacks,
      ];
    case "http":
    case "git":
      return [action.kind, action.url, action.destination, action.owner ?? "", action.mode ?? ""];
  }
}
