import type { RegistryServeOptions } from "./registry/serve-options.ts";

/**
 * What this executable can become besides a client of the engine. The client knows only how each is asked for: what
 * serves lies in ranks above it and comes by constructor.
 */
export interface Programs {
  /** Runs until it is told to end. @returns The exit code. */
  serveRegistry(options: RegistryServeOptions): Promise<number>;
}
