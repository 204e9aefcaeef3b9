import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { dockerfilePath, isRemoteContext } from "#compose/build/targets.ts";
import type { Project } from "#compose/model/project.ts";
import { isWithin } from "#compose/watch/plan-batch.ts";
import type { WatchRule } from "#compose/watch/rules.ts";
import { ignoreFileNames, parseIgnoreFile } from "#spec/ignore/ignore-file.ts";
import { PathFilter } from "#spec/ignore/path-filter.ts";

/** What editors and version control leave beside the files that are meant. */
const PASSING = [
  "**/.git",
  "**/.idea",
  "**/*~",
  "**/.*.swp",
  "**/.*.swx",
  "**/.#*",
  "**/#*#",
  "**/4913",
  "**/.DS_Store",
  "**/*___jb_tmp___",
  "**/*___jb_old___",
];

/** Which paths a rule means. */
export class FileFilter {
  readonly #filters = new Map<WatchRule, readonly RuleFilter[]>();

  constructor(project: Project, rules: readonly WatchRule[]) {
    for (const rule of rules) {
      this.#filters.set(rule, [
        { root: rule.path, filter: new PathFilter([...PASSING, ...rule.ignore]), isInclude: false },
        ...(rule.include.length > 0
          ? [{ root: rule.path, filter: new PathFilter(rule.include), isInclude: true }]
          : []),
        ...ignoreFile(project, rule),
      ]);
    }
  }

  readonly concerns = (rule: WatchRule, path: string): boolean =>
    (this.#filters.get(rule) ?? []).every(({ root, filter, isInclude }) => {
      const name = isWithin(root, path) ? relative(root, path) : "";
      return name === "" || filter.isMatched(name) === isInclude;
    });

  /** Whether nothing in a folder can concern any of the rules: it need not be looked into. */
  isIdle(folder: string, rules: readonly WatchRule[]): boolean {
    return rules.every((rule) =>
      (this.#filters.get(rule) ?? []).some(({ root, filter, isInclude }) => {
        if (isInclude || !isWithin(root, folder)) return false;
        const name = relative(root, folder);
        return name !== "" && filter.isMatched(name) && !filter.mayExceptBelow(name);
      }),
    );
  }
}

interface RuleFilter {
  /** Names are from here. */
  readonly root: string;
  readonly filter: PathFilter;
  readonly isInclude: boolean;
}

/** The ignore file of the service's build, where there is one. */
function ignoreFile(project: Project, { service }: WatchRule): readonly RuleFilter[] {
  const build = project.services.get(service)?.build;
  const context = build?.context;
  if (!build || context === undefined || isRemoteContext(context)) return [];
  const dockerfile = dockerfilePath(build);
  const [own = "", usual = ""] = ignoreFileNames(dockerfile.slice(dirname(dockerfile).length + 1));
  for (const path of [join(dirname(dockerfile), own), join(context, usual)]) {
    const text = tryRead(path);
    if (text === undefined) continue;
    return [{ root: context, filter: new PathFilter(parseIgnoreFile(text)), isInclude: false }];
  }
  return [];
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined; // most contexts have none
  }
}
