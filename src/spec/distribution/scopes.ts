/** What a token may do to one thing: `repository:library/nginx:pull,push`. */
export interface ResourceScope {
  /** `repository` or `registry`; perhaps with a class: `repository(plugin)`. */
  readonly type: string;
  readonly name: string;
  /** `pull`, `push`, `delete`, `*`. */
  readonly actions: readonly string[];
}

const SCOPES_MAX = 64;

/**
 * Reads a `scope` parameter: scopes stand apart by blanks; the name may hold colons (a port).
 *
 * @returns Undefined when one of them is no scope, or there are more than 64.
 */
export function tryParseScopes(text: string): readonly ResourceScope[] | undefined {
  const words = text.split(/\s+/).filter((word) => word !== "");
  if (words.length > SCOPES_MAX) return undefined;
  const scopes: ResourceScope[] = [];
  for (const word of words) {
    const first = word.indexOf(":");
    const last = word.lastIndexOf(":");
    if (first <= 0 || last === first) return undefined;
    const actions = word.slice(last + 1).split(",");
    scopes.push({
      type: word.slice(0, first),
      name: word.slice(first + 1, last),
      actions: actions.filter((action) => action !== ""),
    });
  }
  return scopes;
}

export function formatScope(scope: ResourceScope): string {
  return `${scope.type}:${scope.name}:${scope.actions.join(",")}`;
}
