import type { Resolved } from "#bake/targets/resolve.ts";
import type { BuildClient } from "#build-client/build-client.ts";
import type { Cli } from "#cli/cli.ts";
import type { Environment } from "#cli/command/globals.ts";
import type { BuildCall } from "#cli/image/building/flags.ts";
import { SILENT_VIEW } from "#cli/image/building/progress/build-view.ts";
import { planFor } from "#cli/image/building/run-build.ts";
import { runCall } from "#cli/image/building/run-call.ts";
import { settingsOf } from "./settings.ts";

/** Asks the frontend about each target (`--check`, `--call`), and prints what it says under its name. */
export async function callTargets(
  cli: Cli,
  client: BuildClient,
  { targets }: Resolved,
  call: BuildCall,
  env: Environment = cli.env,
): Promise<number> {
  let exitCode = 0;
  let isFirst = true;
  for (const [name, { fields }] of targets) {
    await using stack = new AsyncDisposableStack();
    const { contexts = {}, ...rest } = fields;
    const known = Object.entries(contexts).filter(([, place]) => !place.startsWith("target:"));
    const settings = settingsOf({ ...rest, contexts: Object.fromEntries(known) });
    const request = await planFor(cli, settings, stack, env);
    if (!isFirst) cli.output.write("\n");
    isFirst = false;
    const { description = "" } = fields;
    cli.output.write(`${name}\n${description === "" ? "" : `${description}\n`}\n`);
    const code = await runCall(cli, client, request, call, SILENT_VIEW);
    if (exitCode === 0) exitCode = code;
  }
  return exitCode;
}
