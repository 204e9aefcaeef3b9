import type { BuildClient } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import type { Cli } from "#cli/cli.ts";
import { parseLintResult } from "#spec/buildkit/lint-result.ts";
import { tellFindings } from "./check-report.ts";
import type { BuildCall } from "./flags.ts";
import type { BuildView } from "./progress/build-view.ts";
import { shown } from "./run-build.ts";

/** What the frontend calls a method. */
function requestIdOf(method: string): string {
  return method === "check" ? "frontend.lint" : `frontend.${method}`;
}

/** Asks the frontend something else than to build, and prints what it says. @returns The exit code. */
export async function runCall(
  cli: Cli,
  client: BuildClient,
  request: BuildRequest,
  call: BuildCall,
  view: BuildView,
): Promise<number> {
  const result = await shown(view, () =>
    client.call(request, requestIdOf(call.method), view, cli.interruption()),
  );
  if (call.method === "check") {
    const bytes = result.get("result.json") ?? Buffer.from("{}");
    return tellFindings(cli, parseLintResult(bytes), call.format);
  }
  const text = (name: string): string => Buffer.from(result.get(name) ?? "").toString();
  if (call.format === "json") cli.output.write(`${text("result.json").trimEnd()}\n`);
  else cli.output.write(text("result.txt"));
  const code = Number.parseInt(text("result.statuscode") || "0", 10);
  return Number.isNaN(code) ? 0 : code;
}
