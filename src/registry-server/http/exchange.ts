import type { Caller, Principal } from "#registry-server/access/access.ts";

/** One request with what every handler wants to know of it. */
export interface Exchange {
  readonly request: Request;
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** As it came. */
  readonly rawPath: string;
  readonly query: URLSearchParams;
  readonly caller: Caller;
  readonly principal: Principal;
  /** Aborted when the client hangs up or the server's grace at its end is over. */
  readonly signal: AbortSignal;
  /** Does what may take longer than a connection is allowed to rest. */
  withoutTimeout<T>(work: () => Promise<T>): Promise<T>;
}

/** What a request's URL says. */
export interface Target {
  readonly path: string;
  readonly rawPath: string;
  readonly query: string;
}

/** Path and query of a URL as they came. */
export function rawTarget(url: string): string {
  const slash = url.indexOf("/", url.indexOf("//") + 2);
  return slash < 0 ? "/" : url.slice(slash);
}

/** @returns Undefined when the path cannot be decoded. */
export function readTarget(url: string): Target | undefined {
  const target = rawTarget(url);
  const mark = target.indexOf("?");
  const raw = mark < 0 ? target : target.slice(0, mark);
  const query = mark < 0 ? "" : target.slice(mark + 1);
  if (!raw.includes("%")) return { path: raw, rawPath: raw, query };
  try {
    return { path: decodeURIComponent(raw), rawPath: raw, query };
  } catch {
    return undefined;
  }
}
