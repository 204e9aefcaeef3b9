import { UnsupportedError } from "#base/errors.ts";
import type { Cli } from "#cli/cli.ts";
import type { EngineClient } from "#client/engine-client.ts";

/**
 * The engine, where it was started with `--experimental`.
 *
 * @param what What is asked for: the command, or a flag in quotes.
 * @throws {UnsupportedError} In docker's words.
 */
export async function experimentalEngine(cli: Cli, what: string): Promise<EngineClient> {
  const engine = await cli.engine();
  const { experimental } = await engine.ping();
  if (experimental) return engine;
  throw new UnsupportedError(
    `${what} is only supported on a Docker daemon with experimental features enabled`,
  );
}
