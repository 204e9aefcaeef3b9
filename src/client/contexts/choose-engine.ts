import { InvalidArgumentError } from "#base/errors.ts";
import { defaultContextName } from "./stored-context.ts";

/** Where nothing else says: Wharf's own socket. */
export const defaultEngineAddress = "unix:///run/wharf.sock";

/** Everything that may name an engine, in docker's order of precedence. */
export interface EngineHints {
  /** `--host`, `-H`. */
  readonly hosts: readonly string[];
  /** `--context`, `-c`. */
  readonly context: string | undefined;
  /** `DOCKER_HOST`. */
  readonly hostVariable: string | undefined;
  /** `DOCKER_CONTEXT`. */
  readonly contextVariable: string | undefined;
  /** `currentContext` of the configuration file. */
  readonly currentContext: string | undefined;
}

/** Which engine the user means. */
export type EngineChoice =
  | {
      readonly kind: "address";
      readonly address: string;
      /** False when nothing named an engine: Wharf's own may then be started. */
      readonly isNamed: boolean;
    }
  | { readonly kind: "context"; readonly name: string };

/**
 * @throws {InvalidArgumentError} When `--host` and `--context` contradict, or several hosts are given.
 */
export function chooseEngine(hints: EngineHints): EngineChoice {
  if (hints.hosts.length > 1) throw new InvalidArgumentError("specify only one -H");
  const [host] = hints.hosts;
  if (host !== undefined && hints.context) {
    throw new InvalidArgumentError("conflicting options: cannot specify both --host and --context");
  }
  const name = chooseContextName(hints);
  if (name !== defaultContextName) return { kind: "context", name };
  const address = host || hints.hostVariable;
  return { kind: "address", address: address || defaultEngineAddress, isNamed: Boolean(address) };
}

/** The name of the context in force; `default` when an address takes precedence. */
export function chooseContextName(hints: EngineHints): string {
  if (hints.context) return hints.context;
  if (hints.hosts.length > 0 || hints.hostVariable) return defaultContextName;
  return hints.contextVariable || hints.currentContext || defaultContextName;
}
