import { type ApiVersion, MAX_API_VERSION, parseApiVersion } from "#spec/engine-api/version.ts";

/** The parts of a request's target, as it was sent. */
export interface Target {
  /** Without the version's prefix. */
  readonly path: string;
  /** `1.41` of `/v1.41/…`; undefined without that. */
  readonly version: string | undefined;
  /** What follows the question mark. */
  readonly query: string;
}

const VERSIONED = /^\/v([0-9.]+)(\/.*)$/;

/** @param url Path and query, or a whole URL, as proxies send it. */
export function splitTarget(url: string): Target {
  const local = url.startsWith("/") ? url : url.replace(/^https?:\/\/[^/]*/, "");
  const mark = local.indexOf("?");
  const path = mark < 0 ? local : local.slice(0, mark);
  const query = mark < 0 ? "" : local.slice(mark + 1);
  const [, version, rest] = VERSIONED.exec(path) ?? [];
  return { path: rest ?? path, version, query };
}

/**
 * The version whose shape the answer must have: the newest, where none is asked for.
 *
 * @throws {InvalidArgumentError} One that is too old or too new.
 */
export function shapeOf({ version }: Target): ApiVersion {
  return version === undefined ? MAX_API_VERSION : parseApiVersion(version);
}
