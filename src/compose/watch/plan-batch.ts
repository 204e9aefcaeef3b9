import { join, relative } from "node:path";
import type { Hook } from "#compose/model/project.ts";
import type { WatchRule } from "./rules.ts";

/** What happened to one file of the host. */
export interface FileChange {
  readonly path: string;
  readonly kind: "written" | "removed";
}

/** A file on its way into a container. */
export interface SyncedFile {
  readonly from: string;
  /** Absolute. */
  readonly to: string;
}

export interface ServiceSync {
  readonly writes: readonly SyncedFile[];
  /** Paths in the container. */
  readonly removals: readonly string[];
  /** Run once the files are there. */
  readonly hooks: readonly Hook[];
  readonly isRestarted: boolean;
}

/** What one round of changes leads to. */
export interface WatchBatch {
  readonly rebuilt: readonly string[];
  readonly synced: ReadonlyMap<string, ServiceSync>;
}

/**
 * Decides what is done about changes. A service that is built anew gets all by that. Pure.
 *
 * @param concerns Whether a path that is in the rule's is not ignored.
 */
export function planBatch(
  changes: readonly FileChange[],
  rules: readonly WatchRule[],
  concerns: (rule: WatchRule, path: string) => boolean,
): WatchBatch {
  const rebuilt = new Set<string>();
  const synced = new Map<string, ServiceSync>();
  for (const rule of rules) {
    const own = changes.filter(({ path }) => isWithin(rule.path, path) && concerns(rule, path));
    if (own.length === 0) continue;
    if (rule.action === "rebuild") rebuilt.add(rule.service);
    else synced.set(rule.service, withRule(synced.get(rule.service), rule, own));
  }
  for (const service of rebuilt) synced.delete(service);
  return { rebuilt: [...rebuilt], synced };
}

const NONE: ServiceSync = { writes: [], removals: [], hooks: [], isRestarted: false };

function withRule(
  before: ServiceSync = NONE,
  { action, path: root, target, exec }: WatchRule,
  changes: readonly FileChange[],
): ServiceSync {
  const isCopied = action.startsWith("sync");
  const placed = isCopied
    ? changes.map(({ path, kind }) => ({ path, kind, to: join(target, relative(root, path)) }))
    : [];
  const written = placed.filter(({ kind }) => kind === "written");
  const removed = placed.filter(({ kind }) => kind === "removed");
  return {
    writes: [...before.writes, ...written.map(({ path, to }) => ({ from: path, to }))],
    removals: [...before.removals, ...removed.map(({ to }) => to)],
    hooks: action === "sync+exec" && exec ? [...before.hooks, exec] : before.hooks,
    isRestarted: before.isRestarted || action === "restart" || action === "sync+restart",
  };
}

/** Whether `path` is the root, or below it. */
export function isWithin(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith("/") ? root : `${root}/`);
}
