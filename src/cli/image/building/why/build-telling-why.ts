import type { BuildClient, BuildResponse } from "#build-client/build-client.ts";
import type { BuildRequest } from "#build-client/build-request.ts";
import type { Cli } from "#cli/cli.ts";
import type { BuildView } from "#cli/image/building/progress/build-view.ts";
import { runBuild } from "#cli/image/building/run-build.ts";
import { WHY_ATTRIBUTE } from "#spec/buildkit/step-report.ts";
import { whyJson, whyText } from "./why-text.ts";
import { WhyView } from "./why-view.ts";

/** Builds, then tells why steps were done, also where the build fails. */
export async function buildTellingWhy(
  cli: Cli,
  client: BuildClient,
  request: BuildRequest,
  view: BuildView,
  options: { readonly tellsWarnings: boolean; readonly format: "text" | "json" },
): Promise<BuildResponse> {
  const why = new WhyView(view);
  const attributes = new Map([...request.attributes, [WHY_ATTRIBUTE, "1"]]);
  try {
    return await runBuild(cli, client, { ...request, attributes }, why, options);
  } finally {
    const { reports } = why;
    if (reports) cli.output.write(options.format === "json" ? whyJson(reports) : whyText(reports));
    else cli.errors.write("WARNING: the engine does not say why steps were done\n");
  }
}
