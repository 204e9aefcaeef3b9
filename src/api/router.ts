import findMyWay, { type HTTPMethod } from "find-my-way";
import type { Exchange } from "./exchange.ts";
import type { HijackExchange } from "./hijack.ts";

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/**
 * One endpoint. `path` is written as in Docker's reference: `/containers/{id}/json`; `{name:.*}` is a
 * part that may hold slashes, as image names do.
 */
export type Route = {
  readonly method: Method;
  readonly path: string;
} & (
  | { readonly kind: "answer"; readonly handle: (exchange: Exchange) => void | Promise<void> }
  | { readonly kind: "hijack"; readonly handle: (exchange: HijackExchange) => Promise<void> }
);

export function answer(
  method: Method,
  path: string,
  handle: (exchange: Exchange) => void | Promise<void>,
): Route {
  return { kind: "answer", method, path, handle };
}

/** An endpoint that takes the connection over. */
export function hijack(
  method: Method,
  path: string,
  handle: (exchange: HijackExchange) => Promise<void>,
): Route {
  return { kind: "hijack", method, path, handle };
}

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** What follows a part with slashes: `/images/{name:.*}/json` has `/json`. */
interface SlashedRoute {
  readonly route: Route;
  readonly name: string;
  readonly suffix: string;
}

const CONTAINERS = "/containers/";
const SLASHED_PART = /^(.*\/)\{(\w+):\.\*\}(.*)$/;

/** Finds the endpoint of a method and path (without version prefix). */
export class Router {
  readonly #table = findMyWay({ maxParamLength: 4096 });
  readonly #slashed = new Map<string, SlashedRoute[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const slashed = SLASHED_PART.exec(route.path);
      if (slashed) this.#addSlashed(route, slashed);
      else this.#table.on(route.method, toColonPath(route.path), noHandler, { route });
    }
  }

  find(method: string, path: string): Match | undefined {
    const found = this.#lookUp(method, path);
    if (found || !path.startsWith(CONTAINERS)) return found;
    // the name of a legacy link has a slash: `/containers/web/db/json`
    const parts = path.slice(CONTAINERS.length).split("/");
    for (let length = parts.length; length > 1; length--) {
      const id = parts.slice(0, length).join("%2F");
      const linked = this.#lookUp(method, CONTAINERS + [id, ...parts.slice(length)].join("/"));
      if (linked) return linked;
    }
    return undefined;
  }

  #lookUp(method: string, path: string): Match | undefined {
    const found = this.#table.find(method as HTTPMethod, path);
    if (!found) return undefined;
    const params = definedParams(found.params);
    const { route, slashed } = found.store as { route?: Route; slashed?: readonly SlashedRoute[] };
    if (route) return { route, params };
    const rest = params["*"] ?? "";
    for (const candidate of slashed ?? []) {
      const value = rest.slice(0, rest.length - candidate.suffix.length);
      if (rest.endsWith(candidate.suffix) && value !== "") {
        return { route: candidate.route, params: { [candidate.name]: value } };
      }
    }
    return undefined;
  }

  #addSlashed(route: Route, match: RegExpExecArray): void {
    const [, prefix = "", name = "", suffix = ""] = match;
    const key = `${route.method} ${prefix}`;
    let list = this.#slashed.get(key);
    if (!list) {
      list = [];
      this.#slashed.set(key, list);
      this.#table.on(route.method, `${prefix}*`, noHandler, { slashed: list });
    }
    list.push({ route, name, suffix });
    list.sort((left, right) => right.suffix.length - left.suffix.length); // the plain one last
  }
}

function noHandler(): void {} // the table is only asked, it never calls

function toColonPath(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}

function definedParams(
  params: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  const defined: Record<string, string> = {};
  for (const name in params) {
    const value = params[name];
    if (value !== undefined) defined[name] = value;
  }
  return defined;
}
