import type { SystemInfo } from "@docker/node-sdk";
import { messageOf } from "#base/errors.ts";
import { type ClientDescription, describeClient } from "#cli/engine/client-description.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { ExitError } from "#cli/command/exit-error.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "#cli/output/format-help.ts";
import { compileWholeObject } from "#cli/output/template.ts";
import { serverInfoText } from "./server-info.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: { format: stringFlag(inspectFormatHelp, { short: "f" }) },
  async run(cli, { flags }) {
    const render = flags.format === "" ? undefined : compileWholeObject(flags.format);
    const client = {
      Debug: cli.globals.isDebug,
      ...describeClient(cli),
      Plugins: [],
      Warnings: null,
    };
    let server: SystemInfo | undefined;
    const failures: string[] = [];
    if (!render || asksServer(flags.format)) {
      try {
        const engine = await cli.engine();
        server = await engine.getJson<SystemInfo>("/info");
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
    if (render) {
      const errors = failures.length > 0 ? { ServerErrors: failures } : {};
      cli.output.write(`${render({ ...(server ?? zeroInfo), ...errors, ClientInfo: client })}\n`);
      if (failures.length > 0) throw new ExitError(failures.join("\n"), 1);
      return 0;
    }
    cli.output.write(`${clientText(client)}\nServer:\n${server ? serverInfoText(server) : ""}`);
    for (const failure of failures) cli.errors.write(`ERROR: ${failure}\n`);
    if (failures.length > 0) throw new ExitError("errors pretty printing info", 1);
    for (const warning of server?.Warnings ?? []) cli.errors.write(`${warning}\n`);
    return 0;
  },
});

const clientFields: readonly string[] = ["ClientInfo", "ClientErrors"];

/** False for a template that uses only what the client itself knows. */
function asksServer(format: string): boolean {
  const roots = [...format.matchAll(/(?<![\w.)])\.([A-Za-z]\w*)/g)].map((match) => match[1] ?? "");
  return roots.length === 0 || !roots.every((name) => clientFields.includes(name));
}

/** What templates see of an engine that does not answer. */
const zeroInfo: SystemInfo = { ID: "", Containers: 0, Images: 0, ServerVersion: "" };

function clientText(client: ClientDescription & { readonly Debug: boolean }): string {
  return `Client: ${client.Platform.Name}
 Version:    ${client.Version}
 Context:    ${client.Context}
 Debug Mode: ${client.Debug}
`;
}
