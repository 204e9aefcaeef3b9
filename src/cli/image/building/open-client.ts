import { messageOf } from "#base/errors.ts";
import { BuildClient } from "#build-client/build-client.ts";
import type { Cli } from "#cli/cli.ts";
import { openCredentialStore } from "#cli/registry-auth.ts";

/** A client of the engine's BuildKit, which the caller disposes of. */
export async function openBuildClient(cli: Cli): Promise<BuildClient> {
  const engine = await cli.engine();
  return new BuildClient({
    engine,
    credentials: async (address) => await openCredentialStore(cli).get(address),
    onFailure: (method, error) => {
      if (cli.globals.isDebug) cli.errors.write(`${method}: ${messageOf(error)}\n`);
    },
  });
}
