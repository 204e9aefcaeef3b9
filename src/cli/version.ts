import type { SystemVersion } from "@docker/node-sdk";
import { InternalError, messageOf } from "#base/errors.ts";
import { formatTabbed } from "#base/tables.ts";
import { newestApiVersion } from "#client/api-version.ts";
import {
  type ClientDescription,
  describeClient,
  toAnsiTime,
} from "#cli/engine/client-description.ts";
import { type Command, defineCommand, noArguments } from "#cli/command/command.ts";
import { stringFlag } from "#cli/command/flags.ts";
import { inspectFormatHelp } from "./output/format-help.ts";
import type { Render } from "./output/template.ts";

export const command: Command = defineCommand({
  usage: "[OPTIONS]",
  args: noArguments,
  flags: { format: stringFlag(inspectFormatHelp, { short: "f" }) },
  async run(cli, { flags }) {
    const render = flags.format === "" ? undefined : await compile(flags.format);
    const client = { ...describeClient(cli), ApiVersion: newestApiVersion };
    let server: ServerVersion | undefined;
    let failure: Error | undefined;
    try {
      const engine = await cli.engine();
      client.ApiVersion = await engine.apiVersion();
      server = withComponents(await engine.getJson<SystemVersion>("/version"));
    } catch (error) {
      failure = error instanceof Error ? error : new InternalError(messageOf(error));
    }
    if (render) cli.output.write(`${render(templateData(client, server))}\n`);
    else cli.output.write(versionText(client, server));
    if (failure) throw failure;
    return 0;
  },
});

/** The language of templates is loaded only here: half of what the command consists of. */
async function compile(format: string): Promise<Render> {
  const { compileWholeObject } = await import("./output/template.ts");
  return compileWholeObject(format, "version");
}

type ClientVersion = ClientDescription & { readonly ApiVersion: string };

interface Component {
  readonly Name: string;
  readonly Version: string;
  readonly Details: Readonly<Record<string, string>>;
}

type ServerVersion = Omit<SystemVersion, "Components"> & {
  readonly Components: readonly Component[];
};

/** Times in components as the client shows them; engines before API 1.35 have no components. */
function withComponents(version: SystemVersion): ServerVersion {
  const engine = {
    Name: "Engine",
    Version: version.Version ?? "",
    Details: {
      ApiVersion: version.ApiVersion ?? "",
      MinAPIVersion: version.MinAPIVersion ?? "",
      GitCommit: version.GitCommit ?? "",
      GoVersion: version.GoVersion ?? "",
      Os: version.Os ?? "",
      Arch: version.Arch ?? "",
      BuildTime: version.BuildTime ?? "",
      Experimental: String(version.Experimental ?? false),
    },
  };
  const components = (version.Components ?? [engine]).map((component): Component => {
    const details: Record<string, string> = {};
    for (const [key, value] of Object.entries(component.Details ?? {})) {
      details[key] = key === "BuildTime" ? toAnsiTime(String(value)) : String(value);
    }
    return { Name: component.Name, Version: component.Version, Details: details };
  });
  return { ...version, Components: components };
}

/** Fields under the names that templates use, and the JSON's names beside them. */
function templateData(client: ClientVersion, server: ServerVersion | undefined): unknown {
  return {
    Client: withTemplateNames(client),
    Server: server ? withTemplateNames(server) : null,
  };
}

/** Go's field is APIVersion and its JSON key ApiVersion: a template may say the former. */
function withTemplateNames<Part extends { ApiVersion?: string }>(part: Part): Part {
  const data = { ...part };
  Object.defineProperty(data, "APIVersion", { value: part.ApiVersion, enumerable: false });
  return data;
}

function versionText(client: ClientVersion, server: ServerVersion | undefined): string {
  const downgraded =
    client.ApiVersion === client.DefaultAPIVersion
      ? ""
      : ` (downgraded from ${client.DefaultAPIVersion})`;
  const lines = [
    titled("Client:", client.Platform.Name),
    ` Version:\t${client.Version}`,
    ` API version:\t${client.ApiVersion}${downgraded}`,
    ` Go version:\t${client.GoVersion}`,
    ` Git commit:\t${client.GitCommit}`,
    ` Built:\t${client.BuildTime}`,
    ` OS/Arch:\t${client.Os}/${client.Arch}`,
    ` Context:\t${client.Context}`,
  ];
  if (server) {
    lines.push("", titled("Server:", server.Platform?.Name ?? ""));
    for (const component of server.Components) lines.push(...componentLines(component));
  }
  return formatTabbed(`${lines.join("\n")}\n`, { minCellWidth: 20, padding: 1 });
}

function titled(title: string, name: string): string {
  return name === "" ? title : `${title} ${name}`;
}

function componentLines(component: Component): string[] {
  const { Details: details } = component;
  const lines = [` ${component.Name}:`, `  Version:\t${component.Version}`];
  if (component.Name !== "Engine") {
    return [
      ...lines,
      ...Object.keys(details)
        .sort()
        .map((key) => `  ${key}:\t${details[key]}`),
    ];
  }
  const detail = (key: string): string => details[key] ?? "";
  return [
    ...lines,
    `  API version:\t${detail("ApiVersion")} (minimum version ${detail("MinAPIVersion")})`,
    `  Go version:\t${detail("GoVersion")}`,
    `  Git commit:\t${detail("GitCommit")}`,
    `  Built:\t${detail("BuildTime")}`,
    `  OS/Arch:\t${detail("Os")}/${detail("Arch")}`,
    `  Experimental:\t${detail("Experimental")}`,
  ];
}
