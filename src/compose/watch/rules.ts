import { InvalidArgumentError, NotFoundError } from "#base/errors.ts";
import type { Hook, Project } from "#compose/model/project.ts";

const ACTIONS = ["rebuild", "restart", "sync", "sync+restart", "sync+exec"] as const;
type WatchAction = (typeof ACTIONS)[number];

/** One entry of a service's `develop.watch`. */
export interface WatchRule {
  readonly service: string;
  readonly action: WatchAction;
  /** A folder or a file of this host; absolute. */
  readonly path: string;
  /** Where it is in the container; empty where nothing is copied. */
  readonly target: string;
  readonly exec: Hook | undefined;
  /** Patterns as in a `.dockerignore`, from `path`. */
  readonly include: readonly string[];
  readonly ignore: readonly string[];
  /** What is newer than the image is copied at the start, too. */
  readonly isInitial: boolean;
}

/**
 * What is to be watched for the services. Pure.
 *
 * @param named Those that the user named; none for all of the project.
 * @throws {NotFoundError} Nothing is. {InvalidArgumentError} A rule that cannot be followed.
 */
export function watchRules(project: Project, named: readonly string[]): readonly WatchRule[] {
  const rules = [...project.services].flatMap(([service, { develop, build }]): WatchRule[] => {
    if (!develop?.watch) return [];
    if (!build && named.includes(service)) {
      throw new InvalidArgumentError(
        `can't watch service ${JSON.stringify(service)} without a build context`,
      );
    }
    return develop.watch.map((entry): WatchRule => {
      const { path = "", target = "", exec, include = [], ignore = [] } = entry;
      const action = ACTIONS.find((one) => one === entry.action);
      if (!action) {
        throw new InvalidArgumentError(
          `services.${service}.develop.watch: unknown action ${JSON.stringify(entry.action ?? "")}: want ${ACTIONS.join(", ")}`,
        );
      }
      if (action === "rebuild" && !build) {
        throw new InvalidArgumentError(
          `can't watch service ${JSON.stringify(service)} with action rebuild without a build context`,
        );
      }
      if (action.startsWith("sync") && target === "") {
        throw new InvalidArgumentError(
          `services.${service}.develop.watch: target is required for action ${action}`,
        );
      }
      const isInitial = entry.initial_sync ?? false;
      return { service, action, path, target, exec, include, ignore, isInitial };
    });
  });
  const watched = rules.filter(({ service }) => named.length === 0 || named.includes(service));
  if (watched.length > 0) return watched;
  throw new NotFoundError(
    "none of the selected services is configured for watch, consider setting a 'develop' section",
  );
}
