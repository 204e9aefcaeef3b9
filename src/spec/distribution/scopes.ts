/** What a token may do to one thing: `repository:library/nginx:pull,push`. */
export interface ResourceScope {
  /** `repository` or `registry`; perhaps with a class: `repository(plugin)`. */
  readonly type: string;
  readonly name: string;
  /** `pull`, `push`, `delete`, `*`. */
  readonly actions: readonly string[];
}
