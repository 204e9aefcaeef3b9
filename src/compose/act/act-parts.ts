import type { Semaphore } from "#base/async.ts";
import type { EngineClient } from "#client/engine-client.ts";
import type { Outside } from "#compose/outside/outside.ts";
import type { OnProgress } from "./progress.ts";

/** What of an engine's client is used. */
export type Engine = Pick<
  EngineClient,
  "getJson" | "postJson" | "send" | "request" | "messages" | "hijack"
>;

/** What is needed to act on an engine. */
export interface ActParts {
  readonly engine: Engine;
  readonly onProgress: OnProgress;
  /** Bounds how much goes on at once. */
  readonly slots: Semaphore;
  /** Nothing is changed: what is sent goes nowhere, and nothing is waited for. */
  readonly isDryRun: boolean;
  /** Who the user is to a registry, for requests that make the engine ask it. */
  readonly registryHeaders: (domain: string) => Promise<Readonly<Record<string, string>>>;
  /** Variables of the user's proxies: containers and builds have them unless they say otherwise. */
  readonly proxies: ReadonlyMap<string, string>;
  /** Of the user's machine, for what no engine does. */
  readonly outside: Outside;
  readonly signal?: AbortSignal;
}

/** An engine that is asked, and told nothing. */
export function dryRunEngine(engine: EngineClient): Engine {
  let made = 0;
  return {
    getJson: (path, options) => engine.getJson(path, options),
    request: (method, path, options) => engine.request(method, path, options),
    messages: (method, path, options) => engine.messages(method, path, options),
    hijack: (path, options) => engine.hijack(path, options),
    // callers that make something need its id alone
    postJson: <Answer>() => Promise.resolve({ Id: `dry-run-${++made}` } as Answer),
    send: () => Promise.resolve(204),
  };
}
