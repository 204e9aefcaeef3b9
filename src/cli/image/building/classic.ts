import { writeFileSync } from "node:fs";
import type { Cli } from "#cli/cli.ts";
import { showProgress } from "#cli/output/progress.ts";
import { registryConfigHeaders } from "#cli/registry-auth.ts";
import { tellChecks } from "./check-report.ts";
import { readContext } from "./context.ts";
import { type BuildValues, callOf } from "./flags.ts";
import { buildQuery } from "./request.ts";
import { sendBuild } from "./send.ts";

/** Builds by `POST /build`, for engines without BuildKit. @returns The exit code. */
export async function buildClassically(
  cli: Cli,
  flags: BuildValues,
  argument: string,
): Promise<number> {
  using stack = new DisposableStack();
  const context = await readContext(argument, flags.file, () => cli.input.chunks(), stack);
  const engine = await cli.engine();
  const messages = await sendBuild(engine, context, {
    query: buildQuery(flags, cli.env),
    headers: await registryConfigHeaders(cli),
    isCompressed: flags.compress,
    standardInput: () => cli.input.chunks(),
  });
  const call = callOf(flags);
  if (call.method === "check") return await tellChecks(cli, messages, call.format);
  let id = "";
  await showProgress(messages, cli.output, (aux) => {
    if (typeof aux === "object" && aux !== null && "ID" in aux) id = String(aux.ID);
  });
  if (flags.iidfile !== "") writeFileSync(flags.iidfile, id);
  return 0;
}
